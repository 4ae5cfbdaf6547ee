import { halfOfTables } from '../../src/host-state.ts'
import { paths, root, type SimHost } from './host.ts'
import type { Dice } from './random.ts'
import type { Site } from './site.ts'
import type { SimVmm } from './world/vmm.ts'

/** What somebody else, a guest or bad luck does to the host at one moment; false when there was nothing to do it to. */
export type Break = (host: SimHost, dice: Dice, site: Site) => boolean

const withVmm =
  (act: (vmm: SimVmm, host: SimHost) => void): Break =>
  (host, dice) => {
    const vmms = host.process.vmms()
    if (vmms.length === 0) return false
    act(dice.pick(vmms), host)
    return true
  }

const withLink =
  (kind: 'tun' | 'bridge', act: (name: string, host: SimHost, dice: Dice) => void): Break =>
  (host, dice) => {
    const links = host.net.links().filter((link) => link.kind === kind && link.group === root.group)
    if (links.length === 0) return false
    act(dice.pick(links).name, host, dice)
    return true
  }

const withRules =
  (act: (host: SimHost, dice: Dice) => void): Break =>
  (host, dice) => {
    const { chains } = host.net.rules()
    if (chains === null || chains === halfOfTables) return false
    act(host, dice)
    return true
  }

const withController =
  (act: (host: SimHost) => void): Break =>
  (host) => {
    if (host.life === null) return false
    act(host)
    return true
  }

const removed =
  (path: string): Break =>
  (host) => {
    if (!host.has(path)) return false
    host.files.unlink(path)
    return true
  }

export const breaks = {
  'controller killed': withController((host) => host.kill()),
  'controller ended': withController((host) => void host.end()),
  'host rebooted': (_, __, site) => {
    site.reboot(false)
    return true
  },
  'power lost': (_, __, site) => {
    site.reboot(true)
    return true
  },
  'VMM killed': withVmm((vmm, host) => host.process.kill(vmm.pid)),
  'VMM crashes': withVmm((vmm) => vmm.crash()),
  'VMM hangs': withVmm((vmm) => vmm.hang()),
  'guest panics': withVmm((vmm) => vmm.panic()),
  'guest powers off': withVmm((vmm) => vmm.powerOff()),
  'guest reboots': withVmm((vmm) => vmm.reboot()),
  'guest floods its console': withVmm((vmm) => vmm.write('x'.repeat(3 << 20))),
  'TAP deleted': withLink('tun', (name, { net }) => net.deleteLink(name)),
  'TAP off its bridge': withLink('tun', (name, { net }) => net.takeOffBridge(name)),
  'TAP set down': withLink('tun', (name, { net }) => net.setDown(name)),
  'TAP without alias': withLink('tun', (name, { net }) => net.setAlias(name, '')),
  'bridge deleted': withLink('bridge', (name, { net }) => net.deleteLink(name)),
  'bridge set down': withLink('bridge', (name, { net }) => net.setDown(name)),
  'address removed': withLink('bridge', (name, { net }) => {
    for (const address of net.links().find((link) => link.name === name)?.addresses ?? [])
      net.removeAddress(name, address)
  }),
  'address added': withLink('bridge', (name, { net }) => {
    if (!net.links().some(({ addresses }) => addresses.includes('10.77.0.1/24'))) net.addAddress(name, '10.77.0.1/24')
  }),
  'rules flushed': withRules(({ net }) => net.flushRuleset()),
  'table deleted': withRules(({ net }, dice) => net.deleteOurTables(dice.pick(['bridge', 'inet'] as const))),
  'chains altered': withRules(({ net }, dice) => net.alterChains(dice.pick(['bridge', 'inet'] as const))),
  'element removed': withRules(({ net }, dice) => {
    const sets = Object.entries(net.rules().sets).flatMap(([set, elements]) =>
      [...elements].map((one) => [set, one] as const),
    )
    if (sets.length === 0) return
    const [set, element] = dice.pick(sets)
    net.removeElement(set as never, element)
  }),
  'forwarding off': ({ net }) => {
    if (!net.forwarding) return false
    net.setForwarding(false)
    return true
  },
  'foreign table': ({ net }) => {
    net.addForeignTable({ table: 'docker', chain: 'FORWARD', policy: 'accept' })
    return true
  },
  'pid taken by another': ({ process }, dice) => {
    const vmms = process.vmms()
    if (vmms.length === 0) return false
    // The pid goes round: whoever is started next may get the one that a VMM of ours had.
    process.kill(dice.pick(vmms).pid)
    for (let others = 0; others < 3; others += 1) process.startForeign({ executable: '/usr/bin/sleep', uid: 1000 })
    return true
  },
  'clock set forward': ({ clock }, dice) => {
    clock.shift(dice.pick([1000, 60_000, 86_400_000]))
    return true
  },
  'clock set back': ({ clock }, dice) => {
    clock.shift(-dice.pick([1000, 60_000, 3_600_000]))
    return true
  },
  'runtime folder removed': (host, dice) => {
    const folders = host.process.vmms().flatMap(({ spec: { directory } }) => (host.has(directory) ? [directory] : []))
    if (folders.length === 0) return false
    host.files.unlink(dice.pick(folders))
    return true
  },
  'runtime folders removed': removed(`${paths.run}/vms`),
  'statuses removed': removed(paths.status),
  'ledger removed': removed(paths.ledger),
  'index removed': removed(paths.index),
  'ledger torn': (host, dice) => {
    const folder = `${paths.ledger}/machines`
    const records = host.files.everything(folder).filter(({ type }) => type === 'file')
    if (records.length === 0) return false
    host.files.write(dice.pick(records).path, '{"version":1,')
    return true
  },
  'manifest half-written': (_, dice, site) => site.halfWrite(dice),
  'manifest broken': (_, dice, site) => site.breakManifest(dice),
  'manifests unmounted': (_, __, site) => site.unmount(),
  'manifests replaced': (_, __, site) => site.replaceManifests(),
  'kernel missing': (_, __, site) => site.hideKernel(),
  'credential file missing': (_, __, site) => site.hideCredential(),
} satisfies Record<string, Break>

export type BreakKind = keyof typeof breaks
export const breakKinds = Object.keys(breaks) as readonly BreakKind[]
