import { existsSync, readdirSync } from 'node:fs'
import type { Scene } from './scene.ts'

/** What a controller was about when it was killed. */
export type KillKind = 'beginning' | 'starting' | 'stopping' | 'volume' | 'network' | 'idle'

export const killKinds: readonly KillKind[] = ['beginning', 'starting', 'stopping', 'volume', 'network', 'idle']

/** A kill, and what was seen of it at that moment. */
export interface Kill {
  /** Characters of the log at that moment. */
  readonly at: number
  /** Folders that were being made or removed: of VMs and of volumes. */
  readonly halves: readonly string[]
  /** VMMs so far of which no log says that their start was done. */
  readonly untold: number
}

/** Looks at once after the kill. */
export function killedAt({ stage, witness }: Scene): Kill {
  const log = stage.log()
  const halfMade = (folder: string) =>
    existsSync(folder) ? readdirSync(folder).filter((name) => /^\.(new|deleted)-/.test(name)) : []
  const halves = [
    ...halfMade(`${stage.run}/vms`).map((name) => `vms/${name}`),
    ...halfMade(`${stage.state}/volumes`).map((name) => `volumes/${name}`),
  ]
  const spawned = [...witness.pids.values()].reduce((sum, pids) => sum + pids.size, 0)
  const told = log.split('"action":"startMachine/').length - 1
  return { at: log.length, halves, untold: spawned - told }
}

const kindOfAction: readonly (readonly [RegExp, KillKind])[] = [
  [/^startMachine/, 'starting'],
  [/^(stopMachine|concludeMachine|forgetMachine)/, 'stopping'],
  [/Volume\//, 'volume'],
  [/./, 'network'],
]

/**
 * What each kill interrupted. What is under way is not logged, only what is done: so it is what lay half made, or else
 * what the next controller did first, before it was killed in its turn; unless the killed one had not even looked once.
 */
export function kindsOf(kills: readonly Kill[], log: string): readonly KillKind[] {
  return kills.map((kill, index) => {
    const before = kills[index - 1] ?? { at: 0, halves: [], untold: 0 }
    const half = kill.halves.find((name) => !before.halves.includes(name))
    if (half !== undefined) return half.startsWith('vms/') ? 'starting' : 'volume'
    if (kill.untold > before.untold) return 'starting'
    if (!log.slice(before.at, kill.at).includes('the first pass is done')) return 'beginning'
    const action = /"action":"([^"]+)"/.exec(log.slice(kill.at, kills[index + 1]?.at ?? log.length))?.[1]
    return action === undefined ? 'idle' : kindOfAction.find(([pattern]) => pattern.test(action))![1]
  })
}
