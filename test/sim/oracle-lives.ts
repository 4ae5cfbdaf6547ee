import type { SimVmm } from './world/vmm.ts'

/** One VMM from its spawn to its end, and what the controller did to it. Times are milliseconds since the host was made. */
export interface Incarnation {
  readonly name: string
  readonly vmm: SimVmm
  readonly at: number
  /** Its runtime folder, which is of its object's uid. */
  readonly folder: string
  /** When the controller first pressed its button, told it to quit or sent it a signal; null while it did not. */
  ordered: number | null
  /** Its button alone. */
  pressed: number | null
  /** When the process was last seen to stand still; null when it never did. */
  stood: number | null
  /** When it was over: its guest, or the process. */
  over: number | null
  /** When its end could be told: a process that was killed lets go of its sockets a while later. */
  told: number | null
  /** It was the guest itself that powered off. */
  shutdown: boolean
  /** Its guest's services ran at some time. */
  served: boolean
  /** Its start was told as failed or called back. */
  failed: boolean
  /** The controller that spawned it, counted from 1, and whether that one's start of it came to its end. */
  readonly by: number
  begun: boolean
}

/** Every VMM that was ever spawned, by the name of its VM, the oldest first. */
export class Lives {
  readonly #byName = new Map<string, Incarnation[]>()
  readonly #living = new Set<Incarnation>()
  readonly #apparent = new Set<Incarnation>()

  add(vmm: SimVmm, at: number, by: number): Incarnation {
    const folder = vmm.spec.directory.split('/').at(-1) ?? ''
    const one: Incarnation = {
      ...{ name: vmm.name.replace('default.', ''), vmm, at, folder },
      ...{ ordered: null, pressed: null, stood: null, over: null, told: null },
      ...{ shutdown: false, served: false, failed: false },
      ...{ by, begun: false },
    }
    this.#byName.set(one.name, [...this.of(one.name), one])
    this.#living.add(one)
    this.#apparent.add(one)
    return one
  }

  of(name: string): readonly Incarnation[] {
    return this.#byName.get(name) ?? []
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()]
  }

  get living(): ReadonlySet<Incarnation> {
    return this.#living
  }

  /** Those that live as far as anybody can know: the process may be on its way out. */
  get apparent(): ReadonlySet<Incarnation> {
    return this.#apparent
  }

  /** After each step. */
  look(alive: readonly SimVmm[], now: number): void {
    const there = new Set(alive)
    for (const one of this.#living) {
      const { vmm } = one
      one.served ||= vmm.up
      if (vmm.hung) one.stood = now
      const guestOver = vmm.state === 'shutdown' || vmm.state === 'guest-panicked'
      if (one.over === null && guestOver) one.shutdown = vmm.state === 'shutdown' && vmm.presses === 0
      if (guestOver || !there.has(vmm)) one.over ??= now
      if (!there.has(vmm)) this.#living.delete(one)
    }
    for (const one of this.#apparent) {
      if (one.over === null || (!this.#living.has(one) && one.vmm.held)) continue
      one.told = now
      this.#apparent.delete(one)
    }
  }
}

/** It ended, and not because the controller wanted it to, as far as anybody could know when it was asked to go. */
export function endedByItself({ ordered, over, told }: Incarnation): boolean {
  return over !== null && (ordered === null || (told !== null && ordered > told))
}
