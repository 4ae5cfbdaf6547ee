import { digest } from '../digest.ts'
import type { Machine } from '../host-state.ts'

/** Which change a machine would be restarted for: the same for as long as nothing else changes. */
export function changeOf({ digests, credentials }: Machine): string {
  return digest([digests, credentials?.digest ?? null]).slice(0, 16)
}

/** Whether it may be restarted now as far as its rollout is concerned. */
export function isItsTurn(machine: Machine): boolean {
  return machine.turn === undefined || machine.turn.granted === changeOf(machine)
}
