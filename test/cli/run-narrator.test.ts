import type { Logger } from 'pino'
import { expect, test } from 'vitest'
import { credentialFiles, startMonitors } from '../../src/cli/run-monitors.ts'
import { narrate } from '../../src/cli/run-narrator.ts'
import type { Controller } from '../../src/controller/controller.ts'
import { FakeController } from '../controller/fake-controller.ts'
import { all, network, Stage, secret, vm } from '../source/stage.ts'

const owner = { kind: 'MicroVM', namespace: 'default', name: 'one' }

function open(manifests: Readonly<Record<string, string>>) {
  const stage = new Stage()
  stage.write(manifests)
  return new FakeController(stage)
}

/** A VM that takes a credential from a file. */
function withFile(name: string, path: string): string {
  return vm(name).replace(/ \}\n$/, `, credentials: { items: [{ name: A, source: { file: { path: ${path} } } }] } }\n`)
}

test('what is wrong is told when it begins and when it is over, and not in between', async () => {
  const fake = open({ 'a.yaml': all(vm('one'), network('net'), secret('app', 'canary')) })
  const told: string[] = []
  const say = (level: string) => (fields: object, message: string) =>
    void told.push(`${level} ${message} ${JSON.stringify(fields)}`)
  const log = { info: say('info'), warn: say('warn') } as unknown as Logger
  narrate(fake.value as unknown as Controller, log)
  const next = async () => {
    await fake.pass()
    return told.splice(0)
  }
  expect(await next()).toEqual(['info the first pass is done {"microvms":0,"ready":0}'])
  expect(await next()).toEqual([])

  fake.stage.write({ 'bad.yaml': vm('bad', 0) })
  const problem = '{"problem":"/etc/moorage/manifests/bad.yaml:4:15: spec.vcpu must be at least 1, not 0"}'
  expect(await next()).toContain(`warn a manifest is not as it should be ${problem}`)
  expect(await next()).toEqual([])

  const wait = (seconds: number) => ({ owner, reason: 'CrashLoopBackOff', message: `due in ${seconds} s`, until: null })
  fake.host.plan = { actions: [], refusals: [], waits: [wait(9)] }
  expect(await next()).toEqual([
    'info waiting {"object":"MicroVM default/one","reason":"CrashLoopBackOff","why":"due in 9 s"}',
  ])
  fake.host.plan = { actions: [], refusals: [], waits: [wait(8)] }
  expect(await next()).toEqual([])

  const ready = (status: string) => ({ conditions: [{ type: 'Ready', status, reason: 'R', message: 'm' }] })
  fake.host.statuses = ({ kind }) => (kind === 'MicroVM' ? ready('True') : undefined)
  expect(await next()).toEqual([
    'info a MicroVM is in another state {"object":"MicroVM default/one","ready":"True","reason":"R","why":"m"}',
  ])

  fake.stage.remove('bad.yaml')
  fake.host.plan = { actions: [], refusals: [], waits: [] }
  const over = await next()
  expect(over).toContainEqual(
    expect.stringMatching(/^info over .*spec\.vcpu.*"was":"a manifest is not as it should be"/),
  )
  expect(over).toContainEqual(expect.stringMatching(/^info over .*CrashLoopBackOff.*"was":"waiting"/))
  expect(await next()).toEqual([])
})

test('the files of credentials below the root, each once; of a VM that goes none', async () => {
  const fake = open({
    'a.yaml': all(withFile('one', '/run/secrets/a'), withFile('two', '/run/secrets/a')),
    'b.yaml': withFile('three', '/run/secrets/b'),
  })
  await fake.pass()
  const objects = fake.value.last!.source.objects
  expect([...credentialFiles(objects, '/srv')].sort()).toEqual(['/srv/run/secrets/a', '/srv/run/secrets/b'])
  const going = objects.map((one) => ({ ...one, deletion: { at: 1 } }))
  expect(credentialFiles(going, '/srv').size).toBe(0)
})

test('monitors listen before they are done, follow the files that are named, and end', async () => {
  const fake = open({ 'a.yaml': withFile('one', '/run/secrets/a') })
  const armed: string[] = []
  const arm = (what: string) => {
    armed.push(what)
    return async () => void armed.splice(armed.indexOf(what), 1)
  }
  const watch = {
    directory: async (path: string) => arm(path),
    file: async (path: string) => arm(path),
    links: async () => arm('links'),
    rules: async () => arm('rules'),
  }
  const { value } = fake
  const options = { from: { manifests: '/m' }, paths: { root: '' }, world: { ...value.options.world, watch } }
  const woken: string[] = []
  const controller = {
    options,
    onPass: value.onPass,
    wakeups: { wake: (why: string) => void woken.push(why) },
    get last() {
      return value.last
    },
  }
  const stop = await startMonitors(controller as unknown as Controller)
  expect(armed).toEqual(['/m', 'links', 'rules'])

  await fake.pass()
  await expect.poll(() => armed).toEqual(['/m', 'links', 'rules', '/run/secrets/a'])
  // The file may have changed since the look that named it.
  expect(woken).toEqual(['credentials'])
  fake.stage.write({ 'a.yaml': withFile('one', '/run/secrets/b') })
  await fake.pass()
  await fake.pass()
  await expect.poll(() => armed).toEqual(['/m', 'links', 'rules', '/run/secrets/b'])
  expect(woken).toEqual(['credentials', 'credentials'])
  stop()
  await expect.poll(() => armed).toEqual([])
})
