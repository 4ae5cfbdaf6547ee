import { renameSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { conditionOf, is, type Shown } from './stage-client.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { image, vm, yaml } from './stage-manifests.ts'
import { typeInGuest } from './stage-shell.ts'
import { timed, until } from './stage-until.ts'

/** `always` has to run whatever happens, `failing` again only after a failure. */
let stage: Stage

const up = { readiness: { console: { contains: 'small-guest: up' }, periodSeconds: 1 } }
const manifests = yaml(image('small'), vm('always', up), vm('failing', { ...up, runStrategy: 'RerunOnFailure' }))

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage({ config: { resyncSeconds: 3600 } })
  stage.write('all.yaml', manifests)
  await stage.start()
  await stage.ready(90, 'always', 'failing')
})

afterEach((context) => tellWhenFailed(context as never, stage))

afterAll(() => stage?.close())

const restartsOf = (one: Shown | undefined) => one?.status.restarts ?? { count: 0 }

/** Waits for another incarnation and that it is ready; answers its status. Crashes must not add up to a backoff. */
async function startedAnew(name: string, before: number, reason: string): Promise<Shown> {
  const count = restartsOf(await stage.vm(name)).count
  await until(
    `${name} has another VMM`,
    20,
    () => stage.pidOf(name),
    (pid) => pid > 0 && pid !== before,
  )
  await stage.ready(60, name)
  const now = (await stage.vm(name))!
  expect(restartsOf(now)).toMatchObject({ count: expect.any(Number), last: { reason } })
  expect(restartsOf(now).count).toBeGreaterThan(count - 1)
  expect(now.status.hypervisor?.pid).toBe(stage.pidOf(name))
  // As if it had run for long: a start that is asked for forgets crashes.
  expect(await stage.moorage('start', name)).toMatchObject({ code: 0 })
  return now
}

describe('Always', () => {
  test('a killed VMM is started again at once', async () => {
    const pid = stage.pidOf('always')
    process.kill(pid, 'SIGKILL')
    const took = await timed(() =>
      until(
        'another VMM',
        20,
        () => stage.pidOf('always'),
        (now) => now > 0 && now !== pid,
      ),
    )
    console.log(`another VMM after ${took} ms`)
    await startedAnew('always', pid, 'Crashed')
  })

  test('a guest that powers itself off is started again', async () => {
    const pid = stage.pidOf('always')
    await typeInGuest(stage, 'always', 'poweroff -f')
    await startedAnew('always', pid, 'GuestShutdown')
  })

  test('a guest that panics is started again', async () => {
    const pid = stage.pidOf('always')
    await typeInGuest(stage, 'always', 'echo c > /proc/sysrq-trigger')
    await startedAnew('always', pid, 'GuestPanicked')
  })

  test('a guest that reboots goes on in the same VMM, and is counted', async () => {
    const [pid, before] = [stage.pidOf('always'), restartsOf(await stage.vm('always')).count]
    await typeInGuest(stage, 'always', 'reboot -f')
    await until(
      'it is up twice',
      60,
      () => stage.console('always').split('small-guest: up').length - 1,
      (ups) => ups === 2,
    )
    const after = await until(
      'it is counted',
      10,
      () => stage.vm('always'),
      (one) => restartsOf(one).count === before + 1,
    )
    expect(after?.status).toMatchObject({ phase: 'Running', hypervisor: { pid } })
    expect(stage.pidOf('always')).toBe(pid)
  })
})

describe('RerunOnFailure', () => {
  test('a killed VMM is started again', async () => {
    const pid = stage.pidOf('failing')
    process.kill(pid, 'SIGKILL')
    await startedAnew('failing', pid, 'Crashed')
  })

  test('a guest that panics is started again', async () => {
    const pid = stage.pidOf('failing')
    await typeInGuest(stage, 'failing', 'echo c > /proc/sysrq-trigger')
    await startedAnew('failing', pid, 'GuestPanicked')
  })

  test('a guest that powers itself off stays off', async () => {
    await typeInGuest(stage, 'failing', 'poweroff -f')
    const off = await until(
      'it is stopped',
      20,
      () => stage.vm('failing'),
      (one) => one?.status.phase === 'Stopped',
    )
    expect(conditionOf(off, 'Ready')).toMatchObject({ status: 'True', reason: 'Completed' })
    expect(is(off, 'Available')).toBe('False')
    await stage.settled(10)
    expect(stage.pidOf('failing')).toBe(0)
    expect(await stage.moorage('start', 'failing', '--wait')).toMatchObject({ code: 0 })
    await stage.ready(10, 'failing')
  })
})

test('an image that is away stops nobody, is named, and is taken again when it is back', async () => {
  const kernel = `${stage.state}/images/small/vmlinuz`
  const pid = stage.pidOf('always')
  renameSync(kernel, `${kernel}.away`)
  const problem = {
    reason: 'Blocked',
    message: expect.stringContaining('/var/lib/moorage/images/small/vmlinuz is not there'),
  }
  try {
    await stage.wake()
    const stalled = await until(
      'it says so',
      10,
      () => stage.vm('always'),
      (one) => is(one, 'Stalled') === 'True',
    )
    expect(conditionOf(stalled, 'Stalled')).toMatchObject(problem)
    expect(conditionOf(stalled, 'Ready')).toMatchObject({ status: 'False', ...problem })
    expect(is(stalled, 'Available')).toBe('True')
    expect(stage.pidOf('always')).toBe(pid)
    const [image] = await stage.objects('MicroVMImage')
    expect(conditionOf(image, 'Ready')).toMatchObject({ status: 'False' })
  } finally {
    renameSync(`${kernel}.away`, kernel)
  }
  await stage.wake()
  await stage.ready(10, 'always')
  expect(is(await stage.vm('always'), 'Stalled')).toBeUndefined()
  expect(stage.pidOf('always')).toBe(pid)
})

test('what happened while no controller ran is told apart', async () => {
  const [always, failing] = [stage.pidOf('always'), stage.pidOf('failing')]
  await stage.end()
  await typeInGuest(stage, 'always', 'poweroff -f')
  await typeInGuest(stage, 'failing', 'echo c > /proc/sysrq-trigger')
  await until('the guest has panicked', 10, () => stage.console('failing').includes('Kernel panic'))
  await stage.start()
  await startedAnew('always', always, 'GuestShutdown')
  await startedAnew('failing', failing, 'GuestPanicked')

  const pids = [stage.pidOf('always'), stage.pidOf('failing')]
  const count = restartsOf(await stage.vm('failing')).count
  await stage.end()
  process.kill(pids[0]!, 'SIGKILL')
  await typeInGuest(stage, 'failing', 'reboot -f')
  await until(
    'it is up twice',
    60,
    () => stage.console('failing').split('small-guest: up').length - 1,
    (ups) => ups === 2,
  )
  await stage.start()
  await startedAnew('always', pids[0]!, 'Crashed')
  await stage.ready(10, 'failing')
  expect(restartsOf(await stage.vm('failing')).count).toBe(count + 1)
  expect(stage.pidOf('failing')).toBe(pids[1])
})
