/** A request that is not done, with the HTTP status and one sentence that says why. */
export class ControlRefusal extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.name = 'ControlRefusal'
    this.status = status
  }
}
