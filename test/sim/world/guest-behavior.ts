/** What a guest does by itself. All times count only while its CPUs run. */
export interface GuestBehavior {
  /** Milliseconds from the first instruction, or from a reset, until it is up. */
  readonly boot: number
  /** What its console says once it is up, without a line feed. */
  readonly line: string
  /** Milliseconds from the power button until it is off; `ignored`: it does not hear. Before it is up nobody hears. */
  readonly button: number | 'ignored'
  /** Whether something listens on that TCP port once it is up. */
  readonly tcp: (port: number) => boolean
  /** What `GET` of a path answers once it is up; null: nothing ever. */
  readonly status: (port: number, path: string) => number | null
}

export const plainGuest: GuestBehavior = {
  boot: 2000,
  line: 'guest: up',
  button: 1500,
  tcp: () => true,
  status: () => 200,
}
