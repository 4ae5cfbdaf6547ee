import type { MachineEnd, RunStrategy } from '../host-state.ts'

/** Whether a machine should be running, as KubeVirt's run strategies of the same names mean it. */
export function wantsToRun({ runStrategy, power }: { runStrategy: RunStrategy; power: 'on' | 'off' }): boolean {
  if (runStrategy === 'Halted') return false
  return runStrategy === 'Always' || power === 'on'
}

/** Power before anybody asked for anything under this strategy. What runs when it becomes Manual runs on. */
export function firstPower(strategy: RunStrategy, runs: boolean): 'on' | 'off' {
  if (strategy === 'Manual') return runs ? 'on' : 'off'
  return strategy === 'Halted' ? 'off' : 'on'
}

/**
 * What an end makes of the power wish. `Once` has run; `Manual` leaves the next start to its user; `RerunOnFailure`
 * takes a guest that powered itself off at its word; a stop of ours changes nothing, since the wish came before it.
 */
export function powerAfter(strategy: RunStrategy, power: 'on' | 'off', end: MachineEnd | 'HostRebooted'): 'on' | 'off' {
  if (strategy === 'Always' || end === 'Stopped') return power
  if (strategy === 'RerunOnFailure') return end === 'GuestShutdown' ? 'off' : power
  return 'off'
}
