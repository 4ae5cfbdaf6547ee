import type { Stage } from '../host/stage.ts'

/** Looks at the processes of stages all the time. */
export interface Witness {
  /** Each VM that had two VMMs at a look, in a sentence. */
  readonly doubles: readonly string[]
  /** Looks so far. */
  readonly looks: number
  /** pids of VMMs of each VM that were ever seen, by `default.NAME`. */
  readonly pids: ReadonlyMap<string, ReadonlySet<number>>
  stop(): void
}

/** A VM may be on one of all these stages. `pause`: milliseconds between two looks. */
export function watchVmms(stages: readonly Stage[], pause = 10): Witness {
  const doubles = new Set<string>()
  const pids = new Map<string, Set<number>>()
  let looks = 0
  const look = () => {
    looks += 1
    const now = new Map<string, number>()
    // What has no name is a trial of what this host can.
    for (const { name, pid } of stages.flatMap((stage) => stage.vmms()).filter((one) => one.name !== '')) {
      const other = now.get(name)
      if (other !== undefined) doubles.add(`I1: ${name} has two VMMs at once, ${other} and ${pid}`)
      now.set(name, pid)
      pids.set(name, (pids.get(name) ?? new Set()).add(pid))
    }
  }
  const timer = setInterval(look, pause)
  return {
    pids,
    get doubles() {
      return [...doubles]
    },
    get looks() {
      return looks
    },
    stop: () => clearInterval(timer),
  }
}
