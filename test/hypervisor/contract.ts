import { expect, test } from 'vitest'
import type { Boot } from '../../src/host-state.ts'
import type { Driver } from '../../src/hypervisor/driver.ts'
import { features, nic, noKvm, place, plain, root, state } from './boots.ts'

/** A law of {@link contract} that a driver cannot keep, and why. */
export interface Skip {
  readonly law: string
  readonly why: string
}

const full: Boot = {
  ...plain,
  initrd: '/images/initrd',
  disks: [root, state],
  nics: [nic, { ...nic, name: 'eth1', tap: 'vm-second', mac: '02:00:00:00:00:02', mtu: 1400 }],
  credentials: [
    { name: 'api-key', length: 40 },
    { name: 'db-password', length: 32 },
  ],
  oemStrings: ['moorage:hello, world'],
}

/** What every driver keeps. */
export function contract(driver: Driver, skips: readonly Skip[] = []): void {
  const law = (name: string, run: () => void) => {
    const skip = skips.find((one) => one.law === name)
    test.skipIf(skip)(skip ? `${name} (skipped: ${skip.why})` : name, run)
  }
  const boots = { plain: { ...plain, hypervisor: driver.name }, full: { ...full, hypervisor: driver.name } }
  const command = (boot: Boot) => driver.command(boot, place)

  law('a boot that it accepts has an argv of plain words that begins with the program', () => {
    for (const boot of Object.values(boots)) {
      expect(driver.refuse(boot, features)).toEqual([])
      const { argv } = command(boot)
      expect(argv[0]).toBe(place.program.path)
      for (const word of argv) expect(word).not.toMatch(/[\0\n]/)
    }
  })

  law('the same boot gives the same command', () => {
    for (const boot of Object.values(boots)) expect(command(boot)).toEqual(command(structuredClone(boot)))
  })

  law('the guest does not run before it is let', () => {
    expect(command(boots.plain).argv).toContain('-S')
  })

  law('every disk, TAP and MAC of the boot is named once each', () => {
    const words = command(boots.full).argv.join(' ')
    for (const { path } of full.disks) expect(words.split(path)).toHaveLength(2)
    for (const { tap, mac } of full.nics) {
      expect(words.split(tap)).toHaveLength(2)
      expect(words.split(mac)).toHaveLength(2)
    }
  })

  law('each value is one file, and no OEM string stands in argv', () => {
    const { argv, credentialFiles } = command(boots.full)
    const names = credentialFiles.map(({ file }) => file)
    expect(new Set(names).size).toBe(3)
    for (const file of names) expect(argv.filter((word) => word.includes(`${place.directory}/${file}`))).toHaveLength(1)
    expect(credentialFiles.flatMap(({ of }) => ('credential' in of ? [of.credential] : []))).toEqual([0, 1])
    expect(credentialFiles.flatMap(({ of }) => ('oemString' in of ? [of.oemString] : []))).toEqual([0])
    expect(argv.join(' ')).not.toContain('hello')
  })

  law('a directory with a comma is still one path', () => {
    const { argv, credentialFiles } = driver.command(boots.full, { ...place, directory: '/run/a,b' })
    for (const { file } of credentialFiles) {
      expect(argv.filter((word) => word.replaceAll(',,', ',').includes(`/run/a,b/${file}`))).toHaveLength(1)
    }
  })

  law('the life socket is inherited and never named', () => {
    const { life } = place.fds
    expect(command(boots.full).argv.filter((word) => new RegExp(`fd=${life}\\b|fd/${life}\\b`).test(word))).toEqual([])
  })

  law('each interface can be given its TAP again', () => {
    const { rewirings } = command(boots.full)
    expect(rewirings.map(({ nic: name, tap }) => [name, tap])).toEqual(full.nics.map(({ name, tap }) => [name, tap]))
    for (const { commands, tap } of rewirings) expect(JSON.stringify(commands)).toContain(tap)
  })

  law('its program missing is a refusal that says so', () => {
    const program = driver.program(plain)
    const refusals = driver.refuse(boots.plain, { ...features, programs: { [program]: null } })
    expect(refusals.join()).toContain(`${program} is not installed`)
  })

  law('auto is KVM where it works, and TCG where it does not', () => {
    expect(driver.accel(boots.plain, features)).toBe('kvm')
    expect(driver.accel(boots.plain, noKvm)).toBe('tcg')
  })

  law('a stop begins gently and keeps the grace', () => {
    expect(driver.powerOff(boots.plain, 17)).toEqual({ method: 'qmp-powerdown', graceSeconds: 17 })
  })

  law('every refusal is one sentence that says what to do', () => {
    const wrong: Boot = { ...boots.full, architecture: 'arm64', vcpu: 100_000 }
    const refusals = driver.refuse(wrong, { ...noKvm, programs: {} })
    expect(refusals.length).toBeGreaterThanOrEqual(3)
    for (const refusal of refusals) expect(refusal).toMatch(/^[^.\n]*[^.]; [^\n]+[^.]$/)
  })
}
