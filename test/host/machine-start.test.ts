import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { ObservedMachine } from '../../src/host-state.ts'
import { Secret } from '../../src/secret/secret.ts'
import { never, newMachine, type Stage, said, see, stageEach, startedNow, until } from './guest.ts'

let stage: Stage
stageEach('starts VMMs under users of their own', (fresh) => {
  stage = fresh
})

const secret = (text: string) => new Secret(new TextEncoder().encode(text))
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

test('boots, unprivileged, and its credentials arrive by SMBIOS and are nowhere afterwards', async () => {
  const readiness = { console: { contains: 'moorage-guest: credential api-key' } }
  const host = stage.host({ readiness })
  const value = 'canary,with=commas\nand a line feed'
  const machine = newMachine('one', {
    credentials: [{ name: 'api-key', length: value.length }],
    oemStrings: ['moorage:hello, world'],
  })
  const began = performance.now()
  await host.start(machine, startedNow(stage.world), [secret(value)], never)
  console.log(`start took ${Math.round(performance.now() - began)} ms`)
  const folder = `${stage.run}/vms/${machine.id}`
  expect(readdirSync(folder).filter((name) => /credential|oem/.test(name))).toEqual([])

  const seen = await see(host, machine)
  expect(seen).toMatchObject({ phase: 'Running', ready: false, end: null, resets: 0, user: machine.user })
  const status = readFileSync(`/proc/${seen!.pid}/status`, 'utf8')
  expect(status).toMatch(new RegExp(`^Uid:\t${machine.user}\t${machine.user}\t`, 'm'))
  expect(status).toMatch(new RegExp(`^Gid:\t${machine.user}\t`, 'm'))
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    expect(status).toMatch(new RegExp(`^${set}:\t0+$`, 'm'))
  }
  expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  expect(status).toMatch(/^Seccomp:\t2$/m)
  expect(readFileSync(`/proc/${seen!.pid}/cmdline`, 'utf8')).not.toContain('canary')
  expect(readFileSync(`/proc/${seen!.pid}/environ`, 'utf8')).not.toContain('canary')

  expect(statSync(folder)).toMatchObject({ uid: 0, gid: machine.user })
  expect(statSync(folder).mode & 0o7777).toBe(0o710)
  expect(statSync(`${folder}/qmp.sock`)).toMatchObject({ uid: 0 })
  expect(statSync(`${folder}/qmp.sock`).mode & 0o7777).toBe(0o600)

  await said(stage, machine, 'moorage-guest: oem moorage:hello, world')
  await said(stage, machine, `moorage-guest: credential api-key ${value.length} bytes sha256 ${sha256(value)}`)
  const ready = (seen?: ObservedMachine) => seen?.ready === true
  await until('ready', 5, () => see(host, machine), ready)
  // It said so once, and need not say it again to the next controller.
  truncateSync(`${folder}/console.log`)
  const successor = stage.host({ readiness })
  await until('ready for the next controller', 5, () => see(successor, machine), ready)
  for (const name of readdirSync(folder)) {
    if (!statSync(`${folder}/${name}`).isFile()) continue
    expect(readFileSync(`${folder}/${name}`, 'latin1'), name).not.toContain('canary')
  }
})

test.each(['q35', 'microvm'] as const)('a large credential arrives in a %s by fw_cfg, byte for byte', async (type) => {
  const host = stage.host()
  const value = 'x'.repeat(200_000)
  const machine = newMachine('large', {
    qemu: { machine: type, accel: 'tcg' },
    credentials: [{ name: 'db-password', length: value.length }],
  })
  await host.start(machine, startedNow(stage.world), [secret(value)], never)
  expect(existsSync(`${stage.run}/vms/${machine.id}/credential-0`)).toBe(false)
  await said(stage, machine, `credential db-password 200000 bytes sha256 ${sha256(value)}`)
  const seen = await until(
    'ready',
    5,
    () => see(host, machine),
    (one) => one?.phase === 'Running',
  )
  expect(seen).toMatchObject({ resets: 0 })
})

test('a VMM that cannot start says why, and leaves nothing', async () => {
  const host = stage.host()
  const machine = newMachine('broken', {
    disks: [{ name: 'root', path: '/nowhere/root.erofs', readOnly: true, volume: null }],
    credentials: [{ name: 'api-key', length: 3 }],
  })
  const began = performance.now()
  await expect(host.start(machine, startedNow(stage.world), [secret('abc')], never)).rejects.toThrow(
    /\/nowhere\/root.erofs.*No such file/,
  )
  expect(performance.now() - began).toBeLessThan(5000)
  expect(readdirSync(`${stage.run}/vms`)).toEqual([])
  expect(readdirSync(`${stage.run}/by-name`)).toEqual([])
  expect(await see(host, machine)).toBeUndefined()
})

test('a second start is refused while the first one runs', async () => {
  const host = stage.host()
  const machine = newMachine('twice')
  await host.start(machine, startedNow(stage.world), [], never)
  const first = await see(host, machine)
  await expect(host.start(machine, startedNow(stage.world), [], never)).rejects.toThrow(/runs already/)
  await expect(stage.host().start(machine, startedNow(stage.world), [], never)).rejects.toThrow(/runs already/)
  expect(await see(host, machine)).toMatchObject({ phase: 'Running', pid: first!.pid })
})
