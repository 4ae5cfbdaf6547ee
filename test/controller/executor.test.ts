import { describe, expect, test } from 'vitest'
import type { Action, Plan } from '../../src/action.ts'
import { newBackoff } from '../../src/controller/backoff.ts'
import { type Hands, newExecutor, type Outcome } from '../../src/controller/executor.ts'
import { manualClock, settle } from '../world/manual-clock.ts'

const owner = { kind: 'MicroVM', namespace: 'default', name: 'a' }

function volume(name: string, after: readonly string[] = []): Action {
  return { id: `deleteVolume/${name}`, owner, after, because: '', kind: 'deleteVolume', name, ownerUid: 'x' }
}

function link(name: string, after: readonly string[] = []): Action {
  return { id: `removeLink/${name}`, owner, after, because: '', kind: 'removeLink', name, index: 1 }
}

function stop(uid: string, deadline: number, after: readonly string[] = []): Action {
  const powerOff = { method: 'qmp-powerdown' as const, graceSeconds: 30 }
  return {
    id: `stopMachine/${uid}`,
    owner,
    after,
    because: '',
    kind: 'stopMachine',
    uid,
    machine: uid,
    powerOff,
    deadline,
  }
}

function conclude(uid: string, after: readonly string[]): Action {
  const crashes = { count: 0, retryAt: 0 }
  return {
    id: `concludeMachine/${uid}`,
    owner,
    after,
    because: '',
    kind: 'concludeMachine',
    uid,
    machine: uid,
    end: 'Stopped',
    crashes,
    power: 'on',
  }
}

const planOf = (...actions: Action[]): Plan => ({ actions, refusals: [], waits: [] })

/** Hands whose every call ends when the test says so. */
function bench() {
  const clock = manualClock()
  const calls: string[] = []
  const open = new Map<string, { done: (error?: string) => void; signal: AbortSignal }>()
  const begin = (key: string, signal: AbortSignal) =>
    new Promise<string | null>((resolve, reject) => {
      calls.push(key)
      open.set(key, { done: (error) => (error === undefined ? resolve(null) : reject(new Error(error))), signal })
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  const hands: Hands = {
    network: async (actions, signal) => {
      await begin(actions.map((action) => action.id).join('+'), signal)
      return actions.map(() => null)
    },
    act: async (action, signal) => {
      await begin(action.id, signal)
    },
  }
  const outcomes: Outcome[] = []
  let settled = 0
  const backoff = newBackoff()
  const executor = newExecutor({
    hands,
    clock,
    backoff,
    starts: 2,
    onOutcome: (outcome) => outcomes.push(outcome),
    onSettled: () => {
      settled += 1
    },
  })
  const end = async (key: string, error?: string) => {
    open.get(key)!.done(error)
    await settle()
  }
  return { clock, calls, open, executor, outcomes, backoff, end, settled: () => settled }
}

describe('executor', () => {
  test('keeps to the edges, and batches what the network has ready', async () => {
    const { executor, calls, end, settled } = bench()
    executor.submit(planOf(volume('a'), link('x'), link('y', ['removeLink/x']), link('z', ['deleteVolume/a'])), 0)
    await settle()
    expect(calls).toEqual(['removeLink/x+removeLink/y', 'deleteVolume/a'])
    await end('deleteVolume/a')
    expect(calls).toHaveLength(2)
    await end('removeLink/x+removeLink/y')
    expect(calls[2]).toBe('removeLink/z')
    expect(settled()).toBe(0)
    await end('removeLink/z')
    expect(settled()).toBe(1)
  })

  test('a disk is made for its start alone: while that pauses, so does it', async () => {
    const { executor, calls, end } = bench()
    const plan = planOf(volume('a'), volume('b'), link('x'), stop('m', 60_000, ['deleteVolume/a', 'removeLink/x']))
    executor.submit(plan, 0)
    await settle()
    for (const key of ['deleteVolume/a', 'deleteVolume/b', 'removeLink/x']) await end(key)
    // The first retry is at once, the second is not.
    await end('stopMachine/m', 'no')
    executor.submit(planOf(plan.actions[3]!), executor.mark())
    await settle()
    await end('stopMachine/m', 'no')
    calls.length = 0
    executor.submit(plan, executor.mark())
    await settle()
    expect(calls).toEqual(['removeLink/x', 'deleteVolume/b'])
  })

  test('what stands behind a failure is left, what does not goes on', async () => {
    const { executor, calls, end, outcomes, settled } = bench()
    executor.submit(planOf(volume('a'), volume('b', ['deleteVolume/a']), volume('c')), 0)
    await settle()
    await end('deleteVolume/a', 'disk on fire')
    expect(settled()).toBe(1)
    await end('deleteVolume/c')
    expect(calls).toEqual(['deleteVolume/a', 'deleteVolume/c'])
    expect(outcomes.map(({ error }) => error)).toEqual(['disk on fire', null])
  })

  test('the first retry is at once, the next waits', async () => {
    const { executor, calls, end, clock } = bench()
    for (const _ of [1, 2]) {
      executor.submit(planOf(volume('a')), executor.mark())
      await settle()
      await end('deleteVolume/a', 'no')
    }
    executor.submit(planOf(volume('a')), executor.mark())
    await settle()
    expect(calls).toHaveLength(2)
    await clock.advance(11_001)
    executor.submit(planOf(volume('a')), executor.mark())
    await settle()
    expect(calls).toHaveLength(3)
  })

  test('an operation that is still wanted goes on; the same wish with another deadline is the same', async () => {
    const { executor, calls, open } = bench()
    executor.submit(planOf(stop('vm', 1_030_000)), 0)
    await settle()
    executor.submit(planOf(stop('vm', 1_099_000), conclude('vm', ['stopMachine/vm'])), executor.mark())
    await settle()
    expect(calls).toEqual(['stopMachine/vm'])
    expect(open.get('stopMachine/vm')!.signal.aborted).toBe(false)
    expect(executor.inFlight()).toMatchObject([{ id: 'stopMachine/vm', machine: 'vm', deadline: 1_030_000 }])
  })

  test('one that is no longer wanted is called back, without counting as a failure', async () => {
    const { executor, open, backoff, outcomes } = bench()
    executor.submit(planOf(stop('vm', 1_030_000)), 0)
    await settle()
    executor.submit(planOf(), executor.mark())
    await settle()
    expect(open.get('stopMachine/vm')!.signal.aborted).toBe(true)
    expect(outcomes).toMatchObject([{ calledBack: true }])
    expect(backoff.failures.size).toBe(0)
  })

  test('a plan made before an operation ended does not repeat it', async () => {
    const { executor, calls, end, settled } = bench()
    executor.submit(planOf(volume('a')), 0)
    await settle()
    const mark = executor.mark()
    await end('deleteVolume/a')
    executor.submit(planOf(volume('a'), volume('b')), mark)
    await settle()
    expect(calls).toEqual(['deleteVolume/a', 'deleteVolume/b'])
    expect(settled()).toBeGreaterThan(1)
  })

  test('a plan that did not see an operation begin does not call it back', async () => {
    const { executor, open } = bench()
    const mark = executor.mark()
    executor.submit(planOf(stop('vm', 1_030_000)), mark)
    await settle()
    executor.submit(planOf(), mark)
    await settle()
    expect(open.get('stopMachine/vm')!.signal.aborted).toBe(false)
  })

  test('nor does one that did not see the end of what came before it', async () => {
    const { executor, open, end } = bench()
    executor.submit(planOf(conclude('vm', []), stop('vm', 1_030_000, ['concludeMachine/vm'])), 0)
    await settle()
    const mark = executor.mark()
    await end('concludeMachine/vm')
    executor.submit(planOf(conclude('vm', [])), mark)
    await settle()
    expect(open.get('stopMachine/vm')!.signal.aborted).toBe(false)
  })

  test('one machine does one thing at a time', async () => {
    const { executor, calls, end } = bench()
    executor.submit(planOf(stop('vm', 1_030_000), conclude('vm', [])), 0)
    await settle()
    expect(calls).toEqual(['stopMachine/vm'])
    await end('stopMachine/vm')
    expect(calls).toEqual(['stopMachine/vm', 'concludeMachine/vm'])
  })

  test('what takes too long is ended by its deadline', async () => {
    const { executor, clock, outcomes } = bench()
    executor.submit(planOf(stop('vm', 1_030_000)), 0)
    await clock.advance(50_001)
    expect(outcomes[0]?.error).toBe('took longer than 50 s')
  })

  test('closing calls everything back and waits for it', async () => {
    const { executor, outcomes } = bench()
    executor.submit(planOf(stop('vm', 1_030_000)), 0)
    await settle()
    await executor.close()
    expect(outcomes[0]?.error).toBe('the controller ends')
  })
})
