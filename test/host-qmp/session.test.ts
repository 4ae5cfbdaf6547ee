import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { phaseOf, stuckAfter } from '../../src/host/machine/phase.ts'
import { runtimeOf } from '../../src/host/machine/runtime.ts'
import { newSession, type Session } from '../../src/host/machine/session.ts'
import { linuxClock } from '../../src/world/linux/clock.ts'
import { ConnectError } from '../../src/world/stream.ts'
import type { World } from '../../src/world/world.ts'
import { greeting, type Scripted, scripted } from './scripted.ts'

const never = new AbortController().signal
const event = (name: string, second: number) =>
  `{"timestamp": {"seconds": ${second}, "microseconds": 0}, "event": "${name}", "data": {"guest": true, "reason": "guest-shutdown"}}\n`

/** One VMM as its sockets and its journal show it, played by the test. */
function vmm() {
  const state = {
    life: 'held' as 'held' | 'ECONNREFUSED' | 'ENOENT' | 'EAGAIN',
    /** What query-status answers; null: nothing. */
    status: 'running' as string | null,
    greets: true,
    journal: event('RESUME', 1),
    skew: 0,
    woken: 0,
    dialled: [] as string[],
    open: [] as { name: string; connection: Scripted }[],
  }
  const talk = async (connection: Scripted) => {
    if (state.greets) connection.say(greeting)
    for (let done = 0; !connection.closed; await delay(1)) {
      for (const { execute, id } of connection.sent.slice(done)) {
        done += 1
        if (execute === 'qmp_capabilities') connection.say(`{"return": {}, "id": ${id}}\n`)
        else if (state.status !== null) connection.say(`{"return": {"status": "${state.status}"}, "id": ${id}}\n`)
      }
    }
  }
  const runtime = runtimeOf('/run', 'one')
  const clock = { ...linuxClock(), monotonic: () => performance.now() + state.skew }
  const connect = async (path: string) => {
    const name = path === runtime.life ? 'life' : 'qmp'
    state.dialled.push(name)
    const code = name === 'life' ? state.life : state.life === 'ECONNREFUSED' ? state.life : 'held'
    if (code !== 'held') throw new ConnectError(code, `cannot connect to ${path} (${code})`)
    const connection = scripted()
    state.open.push({ name, connection })
    if (name === 'qmp') setImmediate(() => void talk(connection))
    return connection
  }
  const files = {
    stat: async (path: string) => (path === runtime.journal ? { type: 'file', size: state.journal.length } : null),
    read: async () => new TextEncoder().encode(state.journal),
  }
  const world = { clock, stream: { connect }, files } as unknown as World
  const die = () => {
    state.life = 'ECONNREFUSED'
    for (const { connection } of state.open) connection.hangUp()
  }
  return { state, world, runtime, die }
}

let session: Session | null = null

afterEach(() => session?.close())

function open(one: ReturnType<typeof vmm>): Session {
  const wake = () => {
    one.state.woken += 1
  }
  session = newSession(one.world, one.runtime, wake, (problem) => {
    throw new Error(problem)
  })
  return session
}

const phase = ({ vitals }: Session) => phaseOf(vitals)
const qmpOf = (one: ReturnType<typeof vmm>) => one.state.open.findLast(({ name }) => name === 'qmp')!.connection

test('a VMM that answers is adopted by one look; then nothing is asked until something happens', async () => {
  const one = vmm()
  const session = open(one)
  await session.refresh()
  expect(phase(session)).toBe('Running')
  expect(session.fresh).toBe(true)
  expect(one.state.dialled).toEqual(['life', 'qmp'])
  expect(one.state.open[0]!.connection.closed).toBe(true)
  const asked = qmpOf(one).sent.length
  for (let look = 0; look < 5; look++) await session.refresh()
  expect(qmpOf(one).sent).toHaveLength(asked)
})

test('an event makes it look again, and brings the end with its reason', async () => {
  const one = vmm()
  const session = open(one)
  await session.refresh()
  const { woken } = one.state
  one.state.status = 'shutdown'
  one.state.journal += event('SHUTDOWN', 9)
  qmpOf(one).say(event('SHUTDOWN', 9))
  expect(one.state.woken).toBe(woken + 1)
  expect(session.fresh).toBe(false)
  await session.refresh()
  expect(phase(session)).toBe('Ended')
  expect(session.vitals.journal.end).toBe('GuestShutdown')
})

test('a VMM that dies wakes, and is gone at the next look', async () => {
  const one = vmm()
  const session = open(one)
  await session.refresh()
  const { woken } = one.state
  one.die()
  await delay(1)
  expect(one.state.woken).toBeGreaterThan(woken)
  await session.refresh()
  expect(phase(session)).toBe('Gone')
  await expect(session.execute('quit', {}, 1000, never)).rejects.toMatchObject({ reason: 'closed' })
})

test.each(['EAGAIN', 'ENOENT'] as const)('a life socket that says %s does not keep us from its QMP', async (life) => {
  const one = vmm()
  one.state.life = life
  const session = open(one)
  await session.refresh()
  expect(phase(session)).toBe('Running')
  expect(session.vitals).toMatchObject({ silentFor: null, alive: true })
})

test('one that is served to somebody else is waited for half a second once, then only glanced at, and is stuck in time', async () => {
  const one = vmm()
  one.state.greets = false
  const session = open(one)
  const took = async () => {
    const began = performance.now()
    await session.refresh()
    return performance.now() - began
  }
  expect(await took()).toBeGreaterThan(450)
  expect(await took()).toBeLessThan(200)
  expect(phase(session)).toBe('Running')
  one.state.skew = stuckAfter
  expect(phase(session)).toBe('Stuck')
  expect(one.state.dialled.filter((name) => name === 'qmp')).toHaveLength(1)
  one.state.greets = true
  qmpOf(one).say(greeting)
  await delay(20)
  await session.refresh()
  expect(phase(session)).toBe('Running')
})

test('one that answered and hangs now is found out by a check a minute later, without anybody waiting', async () => {
  const one = vmm()
  const session = open(one)
  await session.refresh()
  one.state.status = null
  session.check()
  expect(qmpOf(one).sent.filter(({ execute }) => execute === 'query-status')).toHaveLength(1)
  one.state.skew = 60_001
  session.check()
  await delay(5)
  expect(phase(session)).toBe('Running')
  one.state.skew += stuckAfter
  expect(phase(session)).toBe('Stuck')
})

test('a connection that breaks is dialled anew, not at once and not for ever', async () => {
  const one = vmm()
  const session = open(one)
  await session.refresh()
  qmpOf(one).hangUp(new Error('reset'))
  const dials = () => one.state.dialled.filter((name) => name === 'qmp').length
  await delay(1)
  const looking = session.refresh()
  await delay(100)
  expect(dials()).toBe(1)
  await looking
  await until(() => dials() === 2)
  await session.refresh()
  expect(phase(session)).toBe('Running')
  expect(session.vitals.silentFor).toBeNull()
})

async function until(done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !done(); turn++) {
    await session?.refresh()
    await delay(10)
  }
}
