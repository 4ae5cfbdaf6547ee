import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { conditionOf, is, type Shown } from './stage-client.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { listenTo } from './stage-listen.ts'
import { type Fields, image, vm, withState, yaml } from './stage-manifests.ts'
import { inGuest } from './stage-shell.ts'
import { stays, timed, until } from './stage-until.ts'

/** One VM at a time, from its manifest to its end. */
let stage: Stage

const up = { readiness: { console: { contains: 'small-guest: up' }, periodSeconds: 1 } }

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage()
  stage.write(
    'images.yaml',
    yaml(
      image('small'),
      image('deaf', 'small', 'small.deaf'),
      image('brief', 'small', 'small.once=1'),
      image('broken', 'small', 'small.crash=0'),
    ),
  )
  await stage.start()
})

afterEach(async (context) => {
  await tellWhenFailed(context as never, stage)
  if (!stage) return
  stage.write('vm.yaml', yaml(vm('a', { runStrategy: 'Halted', terminationGracePeriodSeconds: 0 })))
  stage.remove('vm.yaml')
  await until(
    'it is gone',
    30,
    () => stage.vm('a'),
    (one) => one === undefined,
  )
})

afterAll(() => stage?.close())

const apply = (spec: Fields) => stage.write('vm.yaml', yaml(vm('a', spec)))

/** Waits for what its status says. */
function seen(what: string, seconds: number, holds: (one: Shown) => boolean): Promise<Shown> {
  return until(
    what,
    seconds,
    () => stage.vm('a') as Promise<Shown>,
    (one) => one !== undefined && holds(one),
  )
}

const reasonIs = (reason: string) => (one: Shown) => conditionOf(one, 'Ready')?.reason === reason

/** A command that must succeed; answers what it printed. */
async function moorage(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await stage.moorage(...args)
  expect(code, `moorage ${args.join(' ')}: ${stderr}`).toBe(0)
  return stdout
}

describe('run strategies', () => {
  test('Always: it starts by itself; a stop is refused in a sentence that says what to do', async () => {
    apply({ ...up, runStrategy: 'Always' })
    await stage.ready(60, 'a')
    const stopped = await stage.moorage('stop', 'a')
    expect(stopped.code).toBe(1)
    expect(stopped.stderr).toMatch(
      /^moorage: no stop: runStrategy of a is Always, .* set it to Halted \(or Manual\) in its manifest\n$/,
    )
    expect(is(await stage.vm('a'), 'Ready')).toBe('True')
  })

  test('RerunOnFailure: it starts by itself, and a stop by operation keeps it stopped', async () => {
    apply({ ...up, runStrategy: 'RerunOnFailure' })
    await stage.ready(60, 'a')
    await moorage('stop', 'a', '--wait')
    await stays('it is stopped', 2, () => stage.pidOf('a') === 0)
    expect((await stage.vm('a'))?.status.phase).toBe('Stopped')
  })

  test('Once: it runs to its end and not again, also not for the next controller', async () => {
    apply({ runStrategy: 'Once', image: { name: 'brief' } })
    const done = await seen('it has run', 60, reasonIs('Completed'))
    expect(conditionOf(done, 'Ready')).toMatchObject({
      status: 'True',
      message: expect.stringContaining('GuestShutdown'),
    })
    expect(is(done, 'Available')).toBe('False')
    await stage.end()
    await stage.start()
    await stage.settled(10)
    await stays('it has run', 2, () => stage.pidOf('a') === 0)
    expect((await stage.vm('a'))?.status).toMatchObject({ phase: 'Stopped', restarts: { count: 0 } })
  })

  test('Manual: it starts, stops and restarts when it is asked to', async () => {
    apply({ ...up, runStrategy: 'Manual' })
    await seen('it is there', 10, reasonIs('Stopped'))
    await stays('nobody starts it', 1, () => stage.pidOf('a') === 0)
    expect(await moorage('start', 'a', '--wait')).toBe('MicroVM default/a runs and is ready\n')
    const pid = stage.pidOf('a')
    expect(pid).toBeGreaterThan(0)
    expect(await moorage('restart', 'a', '--wait')).toBe('MicroVM default/a was restarted and is ready\n')
    expect(stage.pidOf('a')).not.toBe(pid)
    expect((await stage.vm('a'))?.status.restarts).toMatchObject({ count: 1, last: { reason: 'Requested' } })
    expect(await moorage('stop', 'a', '--wait')).toBe('MicroVM default/a is stopped\n')
    expect(stage.pidOf('a')).toBe(0)
  })

  test('Halted: it does not run, and a start is refused; switched to, it stops what runs', async () => {
    apply({ ...up, runStrategy: 'Halted' })
    const halted = await seen('it is there', 10, reasonIs('Halted'))
    expect([is(halted, 'Ready'), is(halted, 'Available'), halted.status.phase]).toEqual(['True', 'False', 'Stopped'])
    const started = await stage.moorage('start', 'a')
    expect(started.code).toBe(1)
    expect(started.stderr).toMatch(
      /^moorage: no start: runStrategy of a is Halted, .* set it to Always or Manual in its manifest\n$/,
    )
    apply({ ...up, runStrategy: 'Always' })
    await stage.ready(60, 'a')
    apply({ ...up, runStrategy: 'Halted' })
    await seen('it is halted', 30, reasonIs('Halted'))
    expect(stage.pidOf('a')).toBe(0)
  })
})

describe('what restarts a running VM, and what does not', () => {
  test('a token, a part of its spec and its image do; a probe, a grace, a label do not', async () => {
    const base = { ...up, restartToken: '1' }
    apply(base)
    await stage.ready(60, 'a')

    /** The next edit, and why it must have restarted; null: it must not. */
    const edit = async (spec: Fields, reason: string | null) => {
      const [pid, generation] = [stage.pidOf('a'), (await stage.vm('a'))!.metadata.generation]
      apply(spec)
      await seen('it is accepted', 10, ({ status }) => status.observedGeneration > generation)
      if (reason !== null)
        await until(
          'another VMM',
          30,
          () => stage.pidOf('a'),
          (now) => now > 0 && now !== pid,
        )
      await stage.ready(60, 'a')
      await stage.settled(10)
      const { restarts } = (await stage.vm('a'))!.status
      if (reason === null) expect(stage.pidOf('a')).toBe(pid)
      else expect(restarts.last?.reason, JSON.stringify(spec)).toBe(reason)
    }
    await edit({ ...base, restartToken: '2' }, 'Requested')
    const more = { ...base, restartToken: '2', memory: '96Mi' }
    await edit(more, 'SpecChanged')
    const [, kilobytes] = /Mem: +(\d+)/.exec(await inGuest(stage, 'a', 'free -k'))!
    expect(Number(kilobytes)).toBeGreaterThan(48_000)
    const patient = { ...more, terminationGracePeriodSeconds: 19, readiness: { console: { contains: 'up a' } } }
    await edit(patient, null)
    stage.write(
      'images.yaml',
      yaml(
        image('small', 'small', 'small.edited'),
        image('deaf', 'small', 'small.deaf'),
        image('brief', 'small', 'small.once=1'),
        image('broken', 'small', 'small.crash=0'),
      ),
    )
    await until(
      'it was restarted',
      30,
      () => stage.vm('a'),
      (one) => one?.status.restarts.last?.reason === 'ImageChanged',
    )
    await stage.ready(60, 'a')
    expect(await inGuest(stage, 'a', 'cat /proc/cmdline')).toContain('small.edited')
  })
})

describe('stopping', () => {
  test('a guest is asked, goes by itself and leaves its disk clean', async () => {
    apply({ ...up, runStrategy: 'Manual', ...withState('clean', { deletionPolicy: 'Delete' }) })
    await seen('it is there', 10, reasonIs('Stopped'))
    await moorage('start', 'a', '--wait')
    await inGuest(stage, 'a', 'echo written > /state/note')
    const console = listenTo(stage, 'a')
    const took = await timed(() => moorage('stop', 'a', '--wait'))
    console.stop()
    expect(console.heard).toContain('the power button was pressed')
    expect(took).toBeLessThan(15_000)
    const ended = await seen('it is stopped', 10, reasonIs('Completed'))
    expect(conditionOf(ended, 'Ready')?.message).toContain('Stopped')
  })

  test('a guest that does not listen is ended at its deadline, not before', async () => {
    apply({ ...up, image: { name: 'deaf' }, terminationGracePeriodSeconds: 4 })
    await stage.ready(60, 'a')
    apply({ ...up, image: { name: 'deaf' }, terminationGracePeriodSeconds: 4, runStrategy: 'Halted' })
    await seen('it is stopping', 10, ({ status }) => status.phase === 'Stopping')
    const took = await timed(() => until('it is gone', 20, () => stage.pidOf('a') === 0))
    console.log(`ended ${took} ms after it was asked; its grace is 4000 ms`)
    expect(took).toBeGreaterThan(3000)
    expect(took).toBeLessThan(9000)
    await seen('it is halted', 10, reasonIs('Halted'))
  })

  test('a grace that an operation names counts', async () => {
    apply({ ...up, runStrategy: 'Manual', image: { name: 'deaf' }, terminationGracePeriodSeconds: 600 })
    await seen('it is there', 10, reasonIs('Stopped'))
    await moorage('start', 'a', '--wait')
    const took = await timed(() => moorage('stop', 'a', '--grace', '2', '--wait'))
    expect(took).toBeGreaterThan(1500)
    expect(took).toBeLessThan(15_000)
  })

  test('a newer wish counts while it stops', async () => {
    const deaf = { ...up, image: { name: 'deaf' }, terminationGracePeriodSeconds: 15 }
    apply(deaf)
    await stage.ready(60, 'a')
    apply({ ...deaf, runStrategy: 'Halted' })
    await seen('it is stopping', 10, ({ status }) => status.phase === 'Stopping')
    const pid = stage.pidOf('a')
    apply(deaf)
    await stage.ready(10, 'a')
    await stays('it runs on', 2, () => stage.pidOf('a') === pid)
  })
})

test('a guest that keeps crashing is started again once, and then waits, visibly', async () => {
  apply({ image: { name: 'broken' } })
  const isWaiting = (one: Shown) => reasonIs('CrashLoopBackOff')(one) && one.status.phase === 'Failed'
  const waiting = await seen('it backs off', 60, isWaiting)
  expect(waiting.status).toMatchObject({ restarts: { count: 1, last: { reason: 'GuestPanicked' } } })
  expect([is(waiting, 'Ready'), is(waiting, 'Available')]).toEqual(['False', 'False'])
  expect(conditionOf(waiting, 'Reconciling')).toMatchObject({ status: 'True', reason: 'CrashLoopBackOff' })
  expect(conditionOf(waiting, 'Ready')?.message).toMatch(/the next try is due in \d+ s/)
  await stays('it waits', 3, () => stage.pidOf('a') === 0)
  const described = await moorage('describe', 'MicroVM', 'a')
  expect(described).toContain('CrashLoopBackOff')
  await moorage('restart', 'a')
  await until('it is tried again at once', 5, () => stage.pidOf('a') > 0)
})
