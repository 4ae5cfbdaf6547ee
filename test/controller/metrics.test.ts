import { afterEach, describe, expect, test } from 'vitest'
import type { Action } from '../../src/action.ts'
import { metricsHandler, parseListen } from '../../src/controller/metrics-server.ts'
import type { ObservedMachine } from '../../src/host-state.ts'
import { all, network, never, Stage, secret, vm } from '../source/stage.ts'
import { FakeController } from './fake-controller.ts'

const owner = { kind: 'MicroVM', namespace: 'default', name: 'one' }
const head = { id: 'x/canary-label', owner, after: [], because: 'canary-because' }
const stops: (() => void)[] = []

afterEach(() => {
  for (const stop of stops.splice(0)) stop()
})

function open() {
  const stage = new Stage()
  stage.write({
    'a.yaml': all(vm('one'), vm('two'), network('net'), secret('app', 'canary-value')),
    'b.yaml': 'kind: X\n',
  })
  const fake = new FakeController(stage)
  const { handle, stop } = metricsHandler(fake.value)
  stops.push(stop)
  const get = async (path: string, method = 'GET') => {
    const { status, body } = await handle({ method, path, query: new URLSearchParams(), body: '' }, never)
    return { status, text: String(body) }
  }
  /** The samples of one metric, by their labels. */
  const samples = async (name: string): Promise<Record<string, number>> => {
    const { text } = await get('/metrics')
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    return Object.fromEntries(
      lines.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
    )
  }
  return { fake, get, samples }
}

function machine(resets: number, incarnation = 'a'): ObservedMachine {
  const shown = { uid: 'u1', phase: 'Running', ready: true, resets, started: { incarnation } }
  return shown as unknown as ObservedMachine
}

describe('numbers', () => {
  test('passes by result, with their time; a failed one is not the last good one', async () => {
    const { fake, samples } = open()
    await fake.pass()
    const first = await samples('moorage_last_pass_timestamp_seconds')
    await fake.pass('disk full', 30)
    expect(await samples('moorage_passes_total')).toEqual({ '{result="ok"}': 1, '{result="error"}': 1 })
    expect((await samples('moorage_pass_duration_seconds_sum'))['']).toBeCloseTo(0.035)
    expect(await samples('moorage_last_pass_timestamp_seconds')).toEqual(first)
    expect(Object.values(first)[0]).toBeCloseTo(Date.now() / 1000, -1)
  })

  test('actions by kind and result; a start is a restart unless it is the first', async () => {
    const { fake, samples } = open()
    const start = (reason: string) => ({ ...head, kind: 'startMachine', reason, machine: {} }) as unknown as Action
    fake.outcome({ action: start('Created'), error: null, took: 20, calledBack: false })
    fake.outcome({ action: start('SecretRotated'), error: null, took: 20, calledBack: false })
    fake.outcome({ action: start('Crashed'), error: 'canary-error', took: 20, calledBack: false })
    fake.outcome({ action: { ...head, kind: 'removeRules' }, error: null, took: 7, calledBack: false })
    expect(await samples('moorage_actions_total')).toEqual({
      '{kind="startMachine",result="ok"}': 2,
      '{kind="startMachine",result="error"}': 1,
      '{kind="removeRules",result="ok"}': 1,
    })
    expect(await samples('moorage_microvm_restarts_total')).toEqual({ '{reason="SecretRotated"}': 1 })
    expect(await samples('moorage_action_duration_seconds_sum')).toEqual({
      '{kind="startMachine"}': 0.06,
      '{kind="removeRules"}': 0.007,
    })
  })

  test('reboots inside a guest count once each, and none for what was before us or for another incarnation', async () => {
    const { fake, samples } = open()
    for (const resets of [3, 3, 5]) {
      fake.host.machines = [machine(resets)]
      await fake.pass()
    }
    fake.host.machines = [machine(0, 'b')]
    await fake.pass()
    expect(await samples('moorage_microvm_restarts_total')).toEqual({ '{reason="GuestRebooted"}': 2 })
  })

  test('VMs by phase, wanted, ready; problems, waits, failures; a strange phase is no label', async () => {
    const { fake, samples } = open()
    fake.host.wanted = [
      { runStrategy: 'Always', power: 'on' },
      { runStrategy: 'Halted', power: 'on' },
    ]
    fake.host.machines = [machine(0)]
    fake.host.failures = new Map([['x', { owner: 'o', wish: 'w', count: 1, retryAt: 0, error: 'canary-error' }]])
    fake.host.plan = { actions: [], refusals: [], waits: [{ owner, reason: 'R', message: 'canary-wait', until: null }] }
    fake.host.statuses = ({ metadata }) => ({ phase: metadata.name === 'one' ? 'Running' : 'canary-phase' })
    await fake.pass()
    expect(await samples('moorage_microvms')).toMatchObject({
      '{phase="Running"}': 1,
      '{phase="Unknown"}': 1,
      '{phase="Failed"}': 0,
    })
    const single = async (name: string) => Object.values(await samples(name))[0]
    expect(await single('moorage_microvms_wanted')).toBe(1)
    expect(await single('moorage_microvms_ready')).toBe(1)
    expect(await single('moorage_source_problems')).toBe(1)
    // A manifest that nobody understands may be that of anything: until it is mended nothing counts as deleted.
    expect(await single('moorage_source_held')).toBe(1)
    expect(await single('moorage_waits')).toBe(1)
    expect(await single('moorage_actions_failing')).toBe(1)
    fake.stage.remove('b.yaml')
    await fake.pass()
    expect(await single('moorage_source_held')).toBe(0)
    expect(await single('moorage_source_problems')).toBe(0)
  })

  test('nothing that a user wrote is in it; each metric of ours has its help', async () => {
    const { fake, get } = open()
    fake.host.plan = {
      actions: [head as unknown as Action],
      refusals: [{ owner, reason: 'R', message: 'canary' }],
      waits: [],
    }
    fake.outcome({ action: { ...head, kind: 'removeRules' }, error: 'canary-error', took: 1, calledBack: false })
    await fake.pass()
    const { text } = await get('/metrics')
    const samples = text.split('\n').filter((line) => !line.startsWith('#'))
    expect(samples.join('\n')).not.toMatch(/canary|default|\bone\b|manifests/)
    const names = [...text.matchAll(/^# TYPE (moorage_\w+)/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThanOrEqual(14)
    for (const name of names) expect(text).toMatch(new RegExp(`^# HELP ${name} \\S.{10,}`, 'm'))
    expect(text).toContain('process_resident_memory_bytes')
  })
})

describe('health', () => {
  test('unready until a pass succeeded; alive while passes end, failed ones too', async () => {
    const { fake, get } = open()
    expect((await get('/readyz')).status).toBe(503)
    expect((await get('/healthz')).status).toBe(200)
    await fake.pass('nft is broken')
    expect((await get('/readyz')).status).toBe(503)
    await fake.pass()
    expect(await get('/readyz')).toEqual({ status: 200, text: 'ok\n' })
  })

  test('dead when no pass ended for three resync intervals', async () => {
    const { fake, get } = open()
    const { clock } = fake.value.options.world
    // Whole milliseconds: sums of fractions are a bit more or less.
    let now = Math.round(clock.monotonic())
    Object.assign(fake.value.options.world, { clock: { ...clock, monotonic: () => now } })
    await fake.pass()
    now += 180_000
    expect((await get('/healthz')).status).toBe(200)
    now += 1000
    expect(await get('/healthz')).toEqual({
      status: 503,
      text: 'the last pass ended 181 s ago; see the log of the controller\n',
    })
    await fake.pass('still broken')
    expect((await get('/healthz')).status).toBe(200)
  })

  test('only GET, only what is there', async () => {
    const { get } = open()
    expect((await get('/metrics', 'POST')).status).toBe(405)
    expect((await get('/')).status).toBe(404)
  })
})

describe('HOST:PORT', () => {
  test.each([
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['localhost:80', { host: 'localhost', port: 80 }],
  ])('%s', (text, address) => expect(parseListen(text)).toEqual(address))

  test.each(['9464', ':9464', '127.0.0.1:', '::1:80', '1.2.3.4:70000', 'a b:1', ''])('%s is refused', (text) => {
    expect(() => parseListen(text)).toThrow(`${text} is no HOST:PORT; write for example 127.0.0.1:9464`)
  })
})
