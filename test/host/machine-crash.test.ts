import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import type { Machine, ObservedMachine } from '../../src/host-state.ts'
import { Secret } from '../../src/secret/secret.ts'
import { features, type LabHost, never, newMachine, type Stage, see, stageEach, startedNow, until } from './guest.ts'

let stage: Stage
stageEach('starts VMMs under users of their own', (fresh) => {
  stage = fresh
})

/** Starts the machine in a process of its own that is killed so many milliseconds later; null: once it has started. */
async function startAndDie(program: string, machine: Machine, after: number | null): Promise<void> {
  const order = { run: stage.run, machine, started: startedNow(stage.world), features }
  const child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((done) => child.once('exit', done))
  const heard = (word: string) =>
    new Promise<void>((done) => {
      let text = ''
      child.stdout.on('data', (piece: Buffer) => {
        text += piece
        if (text.includes(word)) done()
      })
    })
  await heard(after === null ? 'started' : 'starting')
  if (after !== null) await delay(after)
  child.kill('SIGKILL')
  await ended
}

async function vmms({ user }: Machine): Promise<number> {
  return (await stage.world.process.list(new Set([user]))).length
}

/** What a planner would have done about each phase, until the machine runs; answers the phases that it met. */
async function mend(host: LabHost, machine: Machine): Promise<(ObservedMachine['phase'] | 'nothing')[]> {
  const met: (ObservedMachine['phase'] | 'nothing')[] = []
  for (let look = 0; look < 200; look++) {
    const phase = (await see(host, machine))?.phase ?? 'nothing'
    expect(await vmms(machine)).toBeLessThanOrEqual(1)
    if (met.at(-1) !== phase) met.push(phase)
    if (phase === 'Running') return met
    if (phase === 'Paused') await host.resume(machine.uid, never)
    if (phase === 'Gone') await host.conclude(machine.uid, machine.user, never)
    if (phase === 'nothing') await host.start(machine, startedNow(stage.world), secrets(machine), never)
    if (phase === 'Starting' || phase === 'Stuck') await delay(20)
  }
  throw new Error(`it does not come to run: ${met.join(', ')}`)
}

function secrets({ boot }: Machine): Secret[] {
  return boot.credentials.map(({ length }) => new Secret(new Uint8Array(length).fill(0x63)))
}

async function bundled(): Promise<string> {
  const outfile = `${stage.root}/start-once.mjs`
  const entryPoints = [new URL('start-once.ts', import.meta.url).pathname]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
  return outfile
}

test('a controller that is killed anywhere in a start leaves what the next one brings to run, never twice', async () => {
  const program = await bundled()
  const seen = new Map<string, number>()
  for (let round = 0; round < 24; round++) {
    const machine = newMachine(`cut-${round}`, { credentials: [{ name: 'api-key', length: 24 }] })
    await startAndDie(program, machine, Math.round(1.25 ** round))
    const host = stage.host()
    const met = (await mend(host, machine)).join(' > ')
    seen.set(met, (seen.get(met) ?? 0) + 1)
    expect(await vmms(machine)).toBe(1)
    const left = readdirSync(`${stage.run}/vms`).flatMap((id) => readdirSync(`${stage.run}/vms/${id}`))
    expect(left.filter((name) => name.startsWith('credential'))).toEqual([])
    await host.stop(machine.uid, { method: 'qmp-quit', graceSeconds: 0 }, 0, never)
    await host.conclude(machine.uid, machine.user, never)
    expect(readdirSync(`${stage.run}/vms`)).toEqual([])
    expect(readdirSync(`${stage.run}/by-name`)).toEqual([])
    host.close()
  }
  console.log('what the next controller met:', Object.fromEntries(seen))
  expect(seen.size).toBeGreaterThan(1)
})

test('a new controller adopts what the old one started: the same process, no question asked twice', async () => {
  const machine = newMachine('adopted', { credentials: [{ name: 'api-key', length: 24 }] })
  await startAndDie(await bundled(), machine, null)
  const host = stage.host()
  const seen = await see(host, machine)
  expect(seen).toMatchObject({ phase: 'Running', ready: true, started: { accel: 'tcg' }, owner: machine.owner })
  const [vmm] = await stage.world.process.list(new Set([machine.user]))
  expect(seen!.pid).toBe(vmm!.pid)
})

test('a runtime folder that was removed under a running VMM does not get it killed, nor a second one started', async () => {
  const host = stage.host()
  const machine = newMachine('orphan')
  const started = startedNow(stage.world)
  await host.start(machine, started, [], never)
  const pid = (await see(host, machine))!.pid
  await stage.world.files.remove(`${stage.run}/vms/${machine.id}/life.sock`)
  const second = stage.host()
  await until(
    'a VMM without a life socket runs',
    5,
    () => see(second, machine),
    (seen) => seen?.phase === 'Running',
  )
  second.close()
  await stage.world.files.remove(`${stage.run}/vms/${machine.id}/qmp.sock`)
  expect(await see(stage.host(), machine)).toMatchObject({ phase: 'Running', pid })
  for (const name of readdirSync(`${stage.run}/vms/${machine.id}`)) {
    await stage.world.files.remove(`${stage.run}/vms/${machine.id}/${name}`)
  }
  expect(await see(host, machine)).toMatchObject({ phase: 'Running', pid })
  await stage.world.files.removeDirectory(`${stage.run}/vms/${machine.id}`)
  const record = {
    ref: machine.owner,
    user: machine.user,
    addresses: {},
    power: { wish: 'on' as const, strategy: 'Always' as const },
    restartRequest: null,
    operations: [],
    graceSeconds: null,
    started,
    crashes: { count: 0, retryAt: 0 },
    restarts: { count: 0, last: null },
  }
  const look = async () => (await host.observe({ [machine.uid]: record }, [], () => null, never))[0]
  expect(await look()).toMatchObject({ phase: 'Stuck', pid, uid: machine.uid })
  await expect(host.start(machine, startedNow(stage.world), [], never)).rejects.toThrow(new RegExp(`process ${pid}`))
  await host.stop(machine.uid, { method: 'qmp-powerdown', graceSeconds: 0 }, stage.world.clock.now(), never)
  await until('gone', 5, look, (one) => one === undefined)
  await host.conclude(machine.uid, machine.user, never)
})
