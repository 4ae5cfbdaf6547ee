import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { hostFeatures } from '../../src/host/features.ts'
import { probeKvm } from '../../src/host/kvm.ts'
import type { Process } from '../../src/world/process.ts'
import type { World } from '../../src/world/world.ts'
import { hostWorld } from './host-world.ts'

const never = new AbortController().signal
const qemu = '/usr/bin/qemu-system-x86_64'
let directory: string

beforeEach((context) => {
  context.skip(process.getuid?.() !== 0, 'needs root: runs a trial guest as the user of a VM')
  directory = mkdtempSync('/tmp/moorage-features-')
  chmodSync(directory, 0o711)
})

afterEach(() => {
  if (directory) rmSync(directory, { recursive: true, force: true })
})

/** The world, with each run changed or answered by the test. */
function withRun(run: (real: Process, argv: readonly string[]) => ReturnType<Process['run']>): World {
  const world = hostWorld()
  return { ...world, process: { ...world.process, run: (spec) => run(world.process, spec.argv) } }
}

test('finds what is here, in time, and leaves no file', async () => {
  const began = performance.now()
  const features = await hostFeatures(hostWorld(), { directory, user: 4711 }, never)
  expect(performance.now() - began).toBeLessThan(5000)
  expect(features.architecture).toMatch(/amd64|arm64/)
  expect(features.programs['qemu-system-x86_64']).toMatchObject({
    path: qemu,
    version: expect.stringMatching(/^\d+\./),
  })
  expect(features.kvm.why).not.toBe('')
  expect(features.tscKhz ?? 1_000_000).toBeGreaterThan(100_000)
  expect(readdirSync(directory)).toEqual([])
  console.log(features)
})

test('the trial guest itself is good: under TCG it comes to its end', async () => {
  const asTcg = withRun((real, argv) => {
    const changed = argv.map((word) => (word === 'kvm' ? 'tcg,tb-size=64' : word === 'host' ? 'max' : word))
    return real.run({ argv: changed, timeout: 20_000 }, never)
  })
  const files = {
    ...asTcg.files,
    stat: async (path: string) => await asTcg.files.stat(path === '/dev/kvm' ? '/dev/null' : path),
  }
  expect(await probeKvm({ ...asTcg, files }, qemu, { directory, user: 4711 }, never)).toEqual({
    usable: true,
    why: 'a guest ran under it',
    group: null,
  })
})

test.each([
  [
    { code: 1, stdout: '', stderr: 'Could not access KVM kernel module: Permission denied' },
    /uid 4711.* chmod 666 \/dev\/kvm/,
  ],
  [
    { code: 134, stdout: '', stderr: 'qemu: error: failed to set MSR 0x10a\nmore' },
    /failed with code 134: qemu: error: failed to set MSR 0x10a$/,
  ],
  [new Error('qemu took more than 2000 ms and was ended'), /did not come to its end: qemu took more than 2000 ms/],
])('no: %s', async (answer, why) => {
  const world = withRun(async () => {
    if (answer instanceof Error) throw answer
    return answer
  })
  const files = { ...world.files, stat: async () => await world.files.stat('/dev/null') }
  const { usable, why: said } = await probeKvm({ ...world, files }, qemu, { directory, user: 4711 }, never)
  expect(usable).toBe(false)
  expect(said).toMatch(why)
})

test.each([
  ['everybody may open it', 0o666, 108, '--clear-groups', null],
  ['a group may', 0o660, 108, '--groups=108', 108],
  ["root's group may", 0o660, 0, '--clear-groups', null],
  ['root may', 0o600, 108, '--clear-groups', null],
])('the device: %s', async (_, mode, gid, option, group) => {
  let seen: readonly string[] = []
  const world = withRun(async (_real, argv) => {
    seen = argv
    return { code: 33, stdout: '', stderr: '' }
  })
  const device = (await world.files.stat('/dev/null'))!
  const files = { ...world.files, stat: async () => ({ ...device, mode, gid }) }
  const kvm = await probeKvm({ ...world, files }, qemu, { directory, user: 4711 }, never)
  expect(kvm).toEqual({ usable: true, why: 'a guest ran under it', group })
  expect(seen).toContain(option)
})

test('no device, no program: nothing is run', async () => {
  const world = withRun(async () => {
    throw new Error('it was run')
  })
  const absent = { ...world.files, stat: async () => null }
  expect(await probeKvm({ ...world, files: absent }, qemu, { directory, user: 1 }, never)).toMatchObject({
    usable: false,
  })
  expect(await probeKvm(world, null, { directory, user: 1 }, never)).toMatchObject({ usable: false })
})
