import { readlinkSync, rmSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { image, network, networked, secret, vm, yaml } from './stage-manifests.ts'
import { netPictureOf } from './stage-picture.ts'
import { stays, until } from './stage-until.ts'

/** Two VMs about which the ledger alone knows something, and then parts of what is on the disk are lost. */
let stage: Stage

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage()
  const token = { name: 'api-key', source: { secretKeyRef: { name: 'token', key: 'token' } } }
  const zoe = networked('zoe', 'n1', null, { credentials: { items: [token] } })
  const abe = networked('abe', 'n1', null, { runStrategy: 'Manual', credentials: { items: [token] } })
  stage.write('base.yaml', yaml(image('small'), network('n1'), secret('token', { token: 'not-a-real-one' })))
  await stage.start()
  // They name no address: each has the first one that was free when it came, and the very first is free again.
  stage.write('first.yaml', yaml(networked('first', 'n1', null, { runStrategy: 'Halted' })))
  await until(
    'it has an address',
    10,
    () => stage.vm('first'),
    (one) => one?.status.interfaces !== undefined,
  )
  stage.write('zoe.yaml', yaml(zoe))
  await stage.ready(60, 'zoe')
  stage.write('abe.yaml', yaml(abe))
  await until('it is accepted', 10, () => stage.vm('abe'))
  stage.remove('first.yaml')
  for (const verb of ['start', 'stop', 'start', 'restart']) {
    expect(await stage.moorage(verb, 'abe', '--wait', '--timeout', '60s'), verb).toMatchObject({ code: 0 })
  }
  expect(await stage.moorage('restart', 'zoe', '--wait', '--timeout', '60s')).toMatchObject({ code: 0 })
  await stage.ready(60, 'abe', 'zoe')
})

// Whatever the test before came to.
beforeEach(async () => {
  if (!stage) return
  if (stage.pid === 0) await stage.start()
  if (stage.pidOf('abe') === 0) await stage.moorage('start', 'abe')
  await stage.ready(60, 'abe', 'zoe')
  await stage.settled(10)
})

afterEach((context) => tellWhenFailed(context as never, stage))

afterAll(() => stage?.close())

/** What users see of a VM that must outlive whatever the controller forgets. */
async function identityOf(name: string) {
  const { metadata, status } = (await stage.vm(name))!
  const link = readlinkSync(`${stage.run}/by-name/default.${name}`)
  return { uid: metadata.uid, phase: status.phase, interfaces: status.interfaces, pid: status.hypervisor?.pid, link }
}

test.each([
  ['the ledger', ['ledger']],
  ['the digest key', ['ledger/digest.key']],
  ['what was accepted', ['index']],
  ['the statuses', ['status']],
  ['machine-made objects', ['objects']],
  ['everything but the root identity', ['ledger', 'index', 'objects', 'secrets', 'status']],
] as const)('%s is lost: nothing restarts', async (_, folders) => {
  const before = [await identityOf('abe'), await identityOf('zoe'), await netPictureOf(stage)]
  await stage.end('SIGKILL')
  for (const folder of folders) rmSync(`${stage.state}/${folder}`, { recursive: true })
  await stage.start()
  await stage.ready(20, 'abe', 'zoe')
  const pids = [stage.pidOf('abe'), stage.pidOf('zoe')]
  await stays('the VMs run on', 3, () => `${[stage.pidOf('abe'), stage.pidOf('zoe')]}` === `${pids}`)
  await stage.settled(10)
  expect([await identityOf('abe'), await identityOf('zoe'), await netPictureOf(stage)]).toEqual(before)
})

test('the ledger is lost under a running controller: nothing restarts, and it is written again', async () => {
  const before = [await identityOf('abe'), await identityOf('zoe')]
  rmSync(`${stage.state}/ledger`, { recursive: true })
  for (let pass = 0; pass < 3; pass += 1) await stage.wake()
  await stage.settled(10)
  expect([await identityOf('abe'), await identityOf('zoe')]).toEqual(before)
  stage.write('more.yaml', yaml(vm('more')))
  await stage.ready(60, 'more', 'abe', 'zoe')
  await stage.end('SIGKILL')
  await stage.start()
  await stage.ready(20, 'more', 'abe', 'zoe')
  expect([await identityOf('abe'), await identityOf('zoe')]).toEqual(before)
})
