import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { MicroVMOperation } from '../../src/api/operation.ts'
import { controlHandler } from '../../src/controller/control.ts'
import { pathsOf } from '../../src/controller/paths.ts'
import type { Status } from '../../src/controller/status/status.ts'
import { linuxStream } from '../../src/world/linux/stream.ts'
import { FakeController } from '../controller/fake-controller.ts'
import { all, network, Stage, secret, vm } from '../source/stage.ts'
import { bundled } from './moorage.ts'

const moorage = bundled()
const canary = 'canary-4711'
let root = ''
let fake: FakeController
let server: { stop(): Promise<void> }

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'mctl-'))
  const { run, socket } = pathsOf(root)
  mkdirSync(run, { recursive: true })
  const stage = new Stage()
  stage.write({ 'a.yaml': all(vm('one'), vm('two'), network('net'), secret('app', canary)) })
  fake = new FakeController(stage)
  fake.host.statuses = (object) => (object.kind === 'MicroVM' ? running() : undefined)
  server = await linuxStream().serve({ path: socket }, controlHandler(fake.value))
  await fake.pass()
})

afterEach(async () => {
  await server.stop()
  rmSync(root, { recursive: true, force: true })
})

/** A command on the root of this test. */
const run = (...args: string[]) => moorage.run([...args, '--root', root])

function condition(type: string, status: string, reason = status === 'True' ? 'Running' : 'NotReady') {
  const at = new Date(fake.stage.now).toISOString()
  return { type, status, reason, message: `because of ${reason}`, lastTransitionTime: at, observedGeneration: 1 }
}

function running(ready = 'True', more: object = {}): Status {
  return {
    phase: 'Running',
    observedGeneration: 1,
    nodeName: 'host-a',
    conditions: [condition('Ready', ready)],
    interfaces: [{ name: 'eth0', tap: 'tap0', mac: '02:00:00:00:00:01', addresses: [{ address: '10.1.0.2' }] }],
    restarts: { count: 3, last: { reason: 'SecretRotated', at: '2026-01-01T00:00:00Z' } },
    hypervisor: { name: 'qemu', version: '7.2', pid: 4711, startedAt: '2026-01-01T00:00:00.000Z' },
    ...more,
  }
}

/** Says this of every operation. */
function answer(phase: string, message: string): void {
  const { statuses } = fake.host
  fake.host.statuses = (object) => (object.kind === 'MicroVMOperation' ? { phase, message } : statuses(object))
}

const columns = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(/ {2,}/))

describe('get', () => {
  test('MicroVMs as a table, without a namespace while all are in default', async () => {
    const { code, out, err } = await run('get')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(columns(out)).toEqual([
      ['NAME', 'PHASE', 'READY', 'NODE', 'IP', 'STATE', 'RESTARTS', 'AGE'],
      ['one', 'Running', 'True', 'host-a', '10.1.0.2', '-', '3', expect.stringMatching(/^\d+d/)],
      ['two', 'Running', 'True', 'host-a', '10.1.0.2', '-', '3', expect.stringMatching(/^\d+d/)],
    ])
  })

  test('another namespace brings its column, -n takes it away', async () => {
    fake.stage.write({ 'b.yaml': vm('one').replace('name: one', 'name: one, namespace: lab') })
    await fake.pass()
    expect(columns((await run('get')).out).map((row) => row.slice(0, 2))).toEqual([
      ['NAMESPACE', 'NAME'],
      ['default', 'one'],
      ['default', 'two'],
      ['lab', 'one'],
    ])
    expect(columns((await run('get', '-n', 'lab')).out).map(([name]) => name)).toEqual(['NAME', 'one'])
    expect(await run('get', 'mvm', 'one')).toMatchObject({
      code: 1,
      err: 'moorage: MicroVM one is in several namespaces; add -n with one of default, lab\n',
    })
    expect((await run('get', 'mvm/one', '-n', 'lab', '-o', 'name')).out).toBe('microvm.moorage.dev/one\n')
  })

  test('JSON and YAML are objects as in Kubernetes, or a List of them; apply reads them', async () => {
    const one = JSON.parse((await run('get', 'MicroVM', 'one', '-o', 'json')).out)
    expect(one).toMatchObject({
      kind: 'MicroVM',
      metadata: { name: 'one' },
      spec: { vcpu: 1 },
      status: { phase: 'Running' },
    })
    const list = JSON.parse((await run('get', '-o', 'json')).out)
    expect(list).toMatchObject({ apiVersion: 'v1', kind: 'List' })
    expect(list.items[0]).toEqual(one)
    const yaml = (await run('get', '-o', 'yaml')).out
    expect(parse(yaml)).toEqual(list)
    expect((await moorage.run(['validate', '-'], { input: yaml })).out).toBe('2 objects in 1 file are good.\n')
  })

  test('wide shows more, all shows every kind, name only names', async () => {
    expect(columns((await run('get', '-o', 'wide')).out)[1]).toContain('host-a')
    expect((await run('get', 'all', '-o', 'name')).out.trim().split('\n')).toEqual([
      'microvm.moorage.dev/one',
      'microvm.moorage.dev/two',
      'microvmnetwork.moorage.dev/net',
      'secret/app',
    ])
    expect((await run('get', 'all')).out.match(/^NAME/gm)).toHaveLength(3)
  })

  test('what is not there is said, with the nearest name', async () => {
    expect(await run('get', 'mvm', 'on')).toEqual({
      code: 1,
      out: '',
      err: 'moorage: there is no MicroVM on: did you mean one?\n',
    })
    expect(await run('get', 'mvmstate')).toEqual({ code: 0, out: '', err: 'There are no MicroVMState objects.\n' })
    expect((await run('get', 'mvm', 'one', '-n', 'lab')).err).toBe(
      'moorage: there is no MicroVM one in namespace lab\n',
    )
  })

  test('a value of a Secret is nowhere', async () => {
    for (const args of [
      ['get', 'secret', '-o', 'yaml'],
      ['get', 'all', '-o', 'json'],
      ['describe', 'secret', 'app'],
    ]) {
      const { code, out } = await run(...args)
      expect(code).toBe(0)
      expect(out).toContain('(11 bytes)')
      expect(out).not.toContain(canary)
    }
    const yaml = (await run('get', 'secret', '-o', 'yaml')).out
    const { code } = await moorage.run(['validate', '-'], { input: yaml })
    expect(code).toBe(1)
  })

  test('-w prints what is there and goes on with what changes', async () => {
    const child = spawn(process.execPath, [moorage.bundle, 'get', '-w', '--root', root])
    let out = ''
    let err = ''
    child.stdout.on('data', (piece) => (out += piece))
    child.stderr.on('data', (piece) => (err += piece))
    await expect.poll(() => out.split('\n').length, { timeout: 10_000 }).toBe(4)
    fake.host.statuses = ({ kind, metadata }) =>
      kind === 'MicroVM' ? running(metadata.name === 'two' ? 'False' : 'True') : undefined
    await fake.pass()
    await expect.poll(() => columns(out).at(-1)?.slice(0, 3), { timeout: 5000 }).toEqual(['two', 'Running', 'False'])
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await server.stop()
    expect(await ended).toBe(1)
    expect(err).toBe('moorage: the controller ended; look at its log\n')
  })
})

describe('describe', () => {
  test('where it came from, conditions, events, and what to try', async () => {
    const owner = { kind: 'MicroVM', namespace: 'default', name: 'one' }
    fake.host.statuses = ({ kind }) =>
      kind === 'MicroVM'
        ? running('False', { conditions: [condition('Ready', 'False', 'CrashLoopBackOff')] })
        : undefined
    fake.host.plan = {
      actions: [],
      refusals: [],
      waits: [{ owner, reason: 'CrashLoopBackOff', message: 'in 9 s', until: 1 }],
    }
    fake.value.events.add(
      owner,
      { type: 'Warning', reason: 'ActionFailed', message: 'no such kernel' },
      Date.now() - 60_000,
    )
    await fake.pass()
    const { code, out } = await run('describe', 'mvm', 'one')
    expect(code).toBe(0)
    expect(out).toMatch(/^Manifest: +\/etc\/moorage\/manifests\/a\.yaml:1$/m)
    expect(out).toMatch(/^Process: +pid 4711/m)
    expect(out).toMatch(/^Interface eth0: +10\.1\.0\.2, tap tap0/m)
    expect(out).toMatch(/^Restarts: +3, last SecretRotated$/m)
    expect(out).toMatch(/^ {2}Ready +False +CrashLoopBackOff/m)
    expect(out).toMatch(/^ {2}6\ds ago +Warning +ActionFailed +no such kernel$/m)
    expect(out).toContain(`\`moorage logs one --root ${root}\``)
    const { metadata } = JSON.parse((await run('get', 'mvm', 'one', '-o', 'json')).out)
    const id = metadata.uid.replaceAll('-', '').slice(0, 10)
    expect(out).toContain(`${root}/run/moorage/vms/${id}/console.log`)
  })

  test('a bad edit names file, line and column, and what shows all of it', async () => {
    fake.stage.write({ 'a.yaml': all(vm('one', 0), vm('two'), network('net'), secret('app', canary)) })
    fake.host.statuses = ({ kind }) =>
      kind === 'MicroVM' ? running('False', { conditions: [condition('Stalled', 'True', 'InvalidSpec')] }) : undefined
    await fake.pass()
    const { out } = await run('describe', 'MicroVM/one')
    expect(out).toContain('/etc/moorage/manifests/a.yaml:4:15: spec.vcpu must be at least 1, not 0')
    expect(out).toContain('`moorage validate /etc/moorage/manifests/a.yaml`')
  })
})

describe('apply and delete', () => {
  test('make, change and delete an object that no manifest holds', async () => {
    const apply = (input: string) => moorage.run(['apply', '-f', '-', '--root', root], { input })
    expect(await apply(vm('made'))).toEqual({ code: 0, out: 'MicroVM default/made created\n', err: '' })
    expect((await apply(vm('made'))).out).toBe('MicroVM default/made unchanged\n')
    expect((await apply(vm('made', 2))).out).toBe('MicroVM default/made configured\n')
    expect(await run('delete', 'mvm', 'made')).toEqual({
      code: 0,
      out: 'MicroVM default/made is being deleted\n',
      err: '',
    })
  })

  test('a bad file is told with its places, and nothing is applied', async () => {
    const { code, err } = await moorage.run(['apply', '-f', '-', '--root', root], {
      input: all(vm('made'), vm('bad', 0)),
    })
    expect({ code, err }).toEqual({
      code: 1,
      err: 'moorage: stdin:9:15: spec.vcpu must be at least 1, not 0\nmoorage: nothing was applied\n',
    })
    expect((await run('get', 'mvm', 'made')).code).toBe(1)
  })

  test('what a manifest says is refused, naming the file', async () => {
    const applied = await moorage.run(['apply', '-f', '-', '--root', root], { input: vm('one', 2) })
    expect(applied).toMatchObject({ code: 1, out: '' })
    expect(applied.err).toContain('/etc/moorage/manifests/a.yaml:1')
    const deleted = await run('delete', 'mvm', 'one', 'two')
    expect(deleted).toMatchObject({ code: 1, out: '' })
    expect(deleted.err.match(/is wanted by \/etc\/moorage\/manifests\/a\.yaml/g)).toHaveLength(2)
  })
})

describe('start, stop, restart', () => {
  test('make an operation that is pinned and lapses, and tell that it was taken on', async () => {
    answer('Accepted', 'it was taken on')
    expect(await run('restart', 'one', '--grace', '7')).toEqual({
      code: 0,
      out: 'MicroVM default/one restarts\n',
      err: '',
    })
    const found = fake.value.last!.source.objects.find(({ ref }) => ref.kind === 'MicroVMOperation')!
    const { metadata, spec } = found.object as MicroVMOperation
    const { uid } = fake.value.last!.source.objects.find(({ key }) => key === 'MicroVM/default/one')!
    expect(metadata.name).toMatch(/^restart-one-[0-9a-f]{8}$/)
    expect(spec).toEqual({ type: 'Restart', microVM: { name: 'one' }, uid, ttlSeconds: 600, gracePeriodSeconds: 7 })
  })

  test('a refusal is told in its own words', async () => {
    answer('Refused', 'runStrategy of one is Always; set it to Halted')
    expect(await run('stop', 'one')).toEqual({
      code: 1,
      out: '',
      err: 'moorage: no stop: runStrategy of one is Always; set it to Halted\n',
    })
  })

  test('nobody answers: an error, after five seconds', async () => {
    const { code, err } = await run('start', 'one')
    expect(code).toBe(1)
    expect(err).toBe('moorage: nobody took the start on within 5 s; it lapses in 600 s\n')
  })

  test('--wait: a restart is over when another incarnation is ready', async () => {
    answer('Accepted', 'it was taken on')
    const done = run('restart', 'one', '--wait')
    let over = false
    void done.then(() => (over = true))
    await expect
      .poll(() => fake.value.last?.source.objects.some(({ ref }) => ref.kind === 'MicroVMOperation'), {
        timeout: 10_000,
      })
      .toBe(true)
    await fake.pass()
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(over).toBe(false)
    const { statuses } = fake.host
    const hypervisor = { name: 'qemu', pid: 4712, startedAt: '2026-01-01T00:00:09.000Z' }
    fake.host.statuses = (object) => (object.kind === 'MicroVM' ? running('True', { hypervisor }) : statuses(object))
    await fake.pass()
    expect(await done).toEqual({ code: 0, out: 'MicroVM default/one was restarted and is ready\n', err: '' })
  })

  test('a grace that is none is refused before anything is asked', async () => {
    expect((await run('stop', 'one', '--grace', 'soon')).err).toBe(
      'moorage: --grace soon is no number of seconds from 0 to 3600\n',
    )
    expect(fake.woken).toEqual([])
  })

  test('a VM with a long name: the operation still has a proper one', async () => {
    const name = `${'a'.repeat(39)}-${'b'.repeat(23)}`
    fake.stage.write({ 'b.yaml': vm(name) })
    answer('Accepted', '')
    await fake.pass()
    expect((await run('start', name)).code).toBe(0)
  })
})

describe('wait', () => {
  test('a condition that comes true; several names; every object', async () => {
    expect(await run('wait', 'mvm/one', 'mvm/two', '--for=condition=Ready')).toEqual({
      code: 0,
      out: 'MicroVM default/one is Ready=True\nMicroVM default/two is Ready=True\n',
      err: '',
    })
    fake.host.statuses = ({ kind }) => (kind === 'MicroVM' ? running('False') : undefined)
    await fake.pass()
    const waiting = run('wait', 'mvm', '--all', '--for', 'condition=ready', '--timeout', '20s')
    await new Promise((resolve) => setTimeout(resolve, 600))
    fake.host.statuses = ({ kind }) => (kind === 'MicroVM' ? running('True') : undefined)
    await fake.pass()
    expect((await waiting).code).toBe(0)
  })

  test('time runs out: what is not so, and why', async () => {
    expect(await run('wait', 'mvm/one', '--for=condition=Ready=False', '--timeout', '300ms')).toEqual({
      code: 1,
      out: '',
      err: 'moorage: waited 300ms; MicroVM default/one is Ready=True (Running: because of Running)\n',
    })
    expect((await run('wait', 'mvm/none', '--for=condition=Ready', '--timeout', '300ms')).err).toBe(
      'moorage: waited 300ms; there is no MicroVM none\n',
    )
    expect((await run('wait', 'mvmstate', '--all', '--for=condition=Ready', '--timeout', '300ms')).code).toBe(1)
  })

  test('a condition about an older version of the object does not count', async () => {
    fake.stage.write({ 'a.yaml': all(vm('one', 2), vm('two'), network('net'), secret('app', canary)) })
    await fake.pass()
    expect((await run('wait', 'mvm/one', '--for=condition=Ready', '--timeout', '300ms')).code).toBe(1)
    expect((await run('wait', 'mvm/two', '--for=condition=Ready', '--timeout', '300ms')).code).toBe(0)
  })

  test('an object that comes later, and one that goes', async () => {
    const coming = run('wait', 'mvm', 'three', '--for', 'condition=Ready', '--timeout', '20s')
    await new Promise((resolve) => setTimeout(resolve, 400))
    fake.stage.write({ 'b.yaml': vm('three') })
    await fake.pass()
    expect((await coming).code).toBe(0)
    await moorage.run(['apply', '-f', '-', '--root', root], { input: vm('made') })
    const going = run('wait', 'mvm/made', '--for=delete', '--timeout', '20s')
    await run('delete', 'mvm', 'made')
    const { uid } = fake.value.last!.source.objects.find(({ key }) => key === 'MicroVM/default/made')!
    await fake.stage.source.finish('MicroVM/default/made', uid)
    await fake.pass()
    expect(await going).toEqual({ code: 0, out: 'MicroVM made is gone\n', err: '' })
  })

  test('a controller that is restarted meanwhile', async () => {
    fake.host.statuses = ({ kind }) => (kind === 'MicroVM' ? running('False') : undefined)
    await fake.pass()
    const waiting = run('wait', 'mvm/one', '--for=condition=Ready', '--timeout', '20s')
    await new Promise((resolve) => setTimeout(resolve, 600))
    await server.stop()
    await new Promise((resolve) => setTimeout(resolve, 300))
    fake.host.statuses = ({ kind }) => (kind === 'MicroVM' ? running('True') : undefined)
    await fake.pass()
    const handler = controlHandler(fake.value)
    await fake.pass()
    server = await linuxStream().serve({ path: pathsOf(root).socket }, handler)
    expect((await waiting).code).toBe(0)
  })
})

describe('plan', () => {
  const owner = { kind: 'MicroVM', namespace: 'default', name: 'one' }

  test('exits 0 when there is nothing to do, 2 when there is', async () => {
    expect(await run('plan')).toEqual({ code: 0, out: 'Nothing to do.\n', err: '' })
    const action = { id: 'removeRules', owner, after: [], because: 'why', kind: 'removeRules' } as const
    fake.host.plan = { actions: [action], refusals: [], waits: [] }
    await fake.pass()
    expect(await run('plan')).toEqual({
      code: 2,
      out: '- removeRules  MicroVM default/one: why\n0 to add, 0 to change, 1 to remove.\n',
      err: '',
    })
    const { code, out } = await run('plan', '-o', 'json')
    expect(code).toBe(2)
    expect(JSON.parse(out)).toEqual(fake.host.plan)
  })

  test('what is wrong with the manifests goes to stderr', async () => {
    fake.stage.write({ 'bad.yaml': vm('bad', 0) })
    await fake.pass()
    const { code, err } = await run('plan')
    expect(code).toBe(0)
    expect(err).toContain('moorage: /etc/moorage/manifests/bad.yaml:4:15: spec.vcpu must be at least 1, not 0\n')
  })
})

test('completion knows the names of objects', async () => {
  const complete = async (...words: string[]) => (await moorage.run(['__complete', '--root', root, ...words])).out
  expect(await complete('logs', '')).toBe('one\ntwo\n')
  expect(await complete('describe', 'mvmnet', '')).toBe('net\n')
  expect(await complete('wait', 'mvm/t')).toBe('mvm/two\n')
})
