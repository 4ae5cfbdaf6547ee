/** How long something may take: milliseconds, and a signal that ends it before. */
export interface Wait {
  readonly timeout: number
  readonly signal: AbortSignal
}

/** Why a command did not do what it should. `refused`: QEMU said no, and goes on. */
export class QmpError extends Error {
  readonly reason: 'closed' | 'late' | 'refused'
  /** QEMU's error class, such as `DeviceNotFound`; empty unless refused. */
  readonly errorClass: string
  constructor(reason: QmpError['reason'], message: string, errorClass = '', options?: ErrorOptions) {
    super(message, options)
    this.name = 'QmpError'
    this.reason = reason
    this.errorClass = errorClass
  }
}
