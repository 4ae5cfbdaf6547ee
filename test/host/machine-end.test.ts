import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Machine, ObservedMachine } from '../../src/host-state.ts'
import {
  consoleOf,
  type LabHost,
  never,
  newMachine,
  type Stage,
  said,
  see,
  stageEach,
  startedNow,
  until,
} from './guest.ts'

let stage: Stage
stageEach('starts VMMs under users of their own', (fresh) => {
  stage = fresh
})

const powerOff = { method: 'qmp-powerdown', graceSeconds: 30 } as const

async function running(host: LabHost, name: string): Promise<Machine> {
  const machine = newMachine(name)
  await host.start(machine, startedNow(stage.world), [], never)
  return machine
}

/** Types a line at the guest's serial console. */
async function type({ id }: Machine, line: string): Promise<void> {
  const socket = connect(`${stage.run}/vms/${id}/console.sock`)
  await new Promise((done) => socket.once('connect', done))
  socket.write(`${line}\n`)
  await delay(200)
  socket.destroy()
}

/** Waits until a root shell listens at the console, for the `boot`th time; a login throws away what was typed before it. */
async function shell(machine: Machine, boot = 1): Promise<void> {
  const booted = (log: string) => log.split('moorage-guest: no credentials').length > boot
  const log = () => consoleOf(stage, machine)
  await until(`boot ${boot} of ${machine.boot.name}`, 120, log, booted)
  const listens = async () => {
    await type(machine, `echo shell-${boot}-$((40+2))`)
    await delay(1000)
    return log()
  }
  await until(`a shell in ${machine.boot.name}`, 60, listens, (text) => text.includes(`shell-${boot}-42`))
}

async function phase(host: LabHost, machine: Machine, wanted: ObservedMachine['phase'], seconds = 30) {
  const look = () => see(host, machine)
  return (await until(`${machine.boot.name} ${wanted}`, seconds, look, (seen) => seen?.phase === wanted))!
}

test('a reboot happens in place and is counted; a panic ends the guest and keeps its VMM to say so', async () => {
  const host = stage.host()
  const machine = await running(host, 'panics')
  const { pid } = (await see(host, machine))!
  await shell(machine)
  await type(machine, 'reboot -f')
  const rebooted = await until(
    'reset',
    30,
    () => see(host, machine),
    (seen) => seen?.resets === 1,
  )
  expect(rebooted).toMatchObject({ phase: 'Running', end: null, pid })
  await shell(machine, 2)
  await type(machine, 'echo c > /proc/sysrq-trigger')
  expect(await phase(host, machine, 'Ended')).toMatchObject({ end: 'GuestPanicked', resets: 1, pid, ready: false })
  await host.conclude(machine.uid, machine.user, never)
  expect(await see(host, machine)).toBeUndefined()
  expect(await stage.world.process.list(new Set([machine.user]))).toEqual([])
})

test('a guest that powered itself off while no controller was there is told from a crash by the next one', async () => {
  const first = stage.host()
  const machine = await running(first, 'leaves')
  const { pid } = (await see(first, machine))!
  await shell(machine)
  first.close()
  await type(machine, 'poweroff')
  const second = stage.host()
  expect(await phase(second, machine, 'Ended', 60)).toMatchObject({ end: 'GuestShutdown', pid, resets: 0 })
})

test('a VMM that was killed is gone at once, and nothing says how it ended', async () => {
  const host = stage.host()
  const machine = await running(host, 'killed')
  const { pid } = (await see(host, machine))!
  let woken = 0
  host.onChange(() => {
    woken ||= performance.now()
  })
  const killed = performance.now()
  process.kill(pid!, 'SIGKILL')
  await until(
    'wakeup',
    5,
    () => woken,
    (at) => at > 0,
  )
  console.log(`woken ${(woken - killed).toFixed(1)} ms after the kill`)
  expect(await phase(host, machine, 'Gone', 1)).toMatchObject({ end: null, pid: null })
  expect(await phase(stage.host(), machine, 'Gone', 1)).toMatchObject({ end: null, pid: null })
  await host.conclude(machine.uid, machine.user, never)
  await host.start(machine, startedNow(stage.world), [], never)
  expect(await phase(host, machine, 'Running', 1)).toMatchObject({ end: null })
})

test('a stop asks the guest, which goes well before its deadline', async () => {
  const host = stage.host()
  const machine = await running(host, 'graceful')
  await said(stage, machine, 'moorage-guest: up graceful')
  const began = performance.now()
  await host.stop(machine.uid, powerOff, stage.world.clock.now() + 30_000, never)
  console.log(`stopped in ${Math.round(performance.now() - began)} ms`)
  expect(performance.now() - began).toBeLessThan(20_000)
  expect(await see(host, machine)).toMatchObject({ phase: 'Gone', end: 'Stopped' })
  expect(await stage.world.process.list(new Set([machine.user]))).toEqual([])
  await host.stop(machine.uid, powerOff, stage.world.clock.now() + 30_000, never)
})

test('a guest that does not hear is ended at the deadline; a stop that is called off harms nobody', async () => {
  const host = stage.host()
  const machine = await running(host, 'deaf')
  const abort = new AbortController()
  const stopping = host.stop(machine.uid, powerOff, stage.world.clock.now() + 30_000, abort.signal)
  await delay(300)
  abort.abort(new Error('called off'))
  await expect(stopping).rejects.toThrow('called off')
  expect(await see(host, machine)).toMatchObject({ phase: 'Running' })
  const began = performance.now()
  await host.stop(machine.uid, powerOff, stage.world.clock.now() + 1000, never)
  expect(performance.now() - began).toBeGreaterThan(990)
  expect(performance.now() - began).toBeLessThan(2500)
  expect(await see(host, machine)).toMatchObject({ phase: 'Gone', end: 'Stopped' })
})

test('a VMM that hangs is stuck after ten seconds, and a stop kills it two seconds after its deadline', async () => {
  const host = stage.host()
  const machine = await running(host, 'hangs')
  const { pid } = (await see(host, machine))!
  process.kill(pid!, 'SIGSTOP')
  const successor = stage.host()
  const began = performance.now()
  expect(await see(successor, machine)).toMatchObject({ phase: 'Running', pid })
  expect(performance.now() - began).toBeLessThan(1000)
  expect(await phase(successor, machine, 'Stuck', 12)).toMatchObject({ pid, ready: false })
  const asked = performance.now()
  await successor.stop(machine.uid, powerOff, stage.world.clock.now() + 500, never)
  expect(performance.now() - asked).toBeLessThan(4500)
  expect(await see(successor, machine)).toMatchObject({ phase: 'Gone' })
})
