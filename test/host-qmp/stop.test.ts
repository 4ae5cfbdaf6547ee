import { expect, test } from 'vitest'
import type { Kept, MachineContext } from '../../src/host/machine/context.ts'
import { stop } from '../../src/host/machine/stop.ts'

const uid = '0a1b2c3d-4e5f-4000-8000-000000000000'
const id = '0a1b2c3d4e'

test('a stop ends when its VM is let go of though not all that happened was seen', async () => {
  let looks = 0
  const session = {
    fresh: false,
    vitals: { alive: true, runState: 'running', silentFor: null, journal: { ran: true, end: null, resets: 0 } },
    closed: AbortSignal.abort(new Error('the controller lets go of this VM')),
    refresh: async () => {
      if (++looks > 100) throw new Error('it turns for ever')
    },
    execute: async () => {},
  }
  const context = {
    world: {
      files: { stat: async () => ({ type: 'directory' }) },
      clock: { now: () => 0, monotonic: () => 0 },
    },
    paths: { run: '/run/moorage' },
    kept: new Map([[id, { id, file: null, session } as unknown as Kept]]),
  } as unknown as MachineContext
  const powerOff = { method: 'qmp-powerdown', graceSeconds: 30 } as const
  const stopping = stop(context, uid, 61_000, powerOff, 30_000, new AbortController().signal)
  await expect(stopping).rejects.toThrow('lets go of this VM')
})
