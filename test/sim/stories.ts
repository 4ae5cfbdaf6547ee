import { root, type SimHost } from './host.ts'
import type { Site } from './site.ts'
import { plainVm, type Wanted, type WantedVm } from './wanted.ts'

/** One change on a host at rest; told again and again with a controller that dies somewhere in it. */
export interface Story {
  readonly name: string
  readonly before: Partial<Wanted>
  change(site: Site, host: SimHost): void
}

const vm = plainVm
const full: WantedVm = { ...vm, state: true, credential: 'Secret' }

const wants =
  (change: (wanted: Wanted) => Partial<Wanted>) =>
  (site: Site): void =>
    site.want({ ...site.wanted, ...change(site.wanted) })

const vmm = (host: SimHost, name: string) => host.process.vmm(`default.${name}`)!

export const stories: readonly Story[] = [
  { name: 'the first VM', before: {}, change: wants(() => ({ vms: { a: vm } })) },
  { name: 'the first VM with everything', before: {}, change: wants(() => ({ vms: { a: full } })) },
  {
    name: 'a second VM on another network',
    before: { networks: { n1: { nat: true }, n2: { nat: true } }, vms: { a: vm } },
    change: wants(({ vms }) => ({ vms: { ...vms, b: { ...full, network: 'n2', machine: 'microvm' } } })),
  },
  { name: 'more memory', before: { vms: { a: full } }, change: wants(() => ({ vms: { a: { ...full, memory: 80 } } })) },
  {
    name: 'another network',
    before: { networks: { n1: { nat: true }, n2: { nat: false } }, vms: { a: full } },
    change: wants(() => ({ vms: { a: { ...full, network: 'n2' } } })),
  },
  { name: 'a Secret rotates', before: { vms: { a: full } }, change: wants(() => ({ secret: 2 })) },
  {
    name: 'a Secret of two rotates',
    before: { vms: { a: full, b: { ...vm, credential: 'Secret' } } },
    change: wants(() => ({ secret: 2 })),
  },
  {
    name: 'a credential file rotates',
    before: { vms: { a: { ...vm, credential: 'file' } } },
    change: wants(() => ({ file: 2 })),
  },
  { name: 'a new kernel', before: { vms: { a: vm } }, change: wants(() => ({ kernel: 2 })) },
  {
    name: 'halted',
    before: { vms: { a: full } },
    change: wants(() => ({ vms: { a: { ...full, strategy: 'Halted' } } })),
  },
  { name: 'a VM deleted', before: { vms: { a: full, b: vm } }, change: wants(() => ({ vms: { b: vm } })) },
  { name: 'the last VM deleted', before: { vms: { a: full } }, change: wants(() => ({ vms: {} })) },
  {
    name: 'a network is isolated from outside',
    before: { vms: { a: vm } },
    change: wants(() => ({ networks: { n1: { nat: false } } })),
  },
  { name: 'a VMM is killed', before: { vms: { a: full } }, change: (_, host) => host.process.kill(vmm(host, 'a').pid) },
  { name: 'a guest panics', before: { vms: { a: full } }, change: (_, host) => vmm(host, 'a').panic() },
  { name: 'a guest powers off', before: { vms: { a: full } }, change: (_, host) => vmm(host, 'a').powerOff() },
  {
    name: 'a guest that runs once powers off',
    before: { vms: { a: { ...vm, strategy: 'Once' } } },
    change: (_, host) => vmm(host, 'a').powerOff(),
  },
  { name: 'a TAP is deleted', before: { vms: { a: vm } }, change: (_, host) => host.net.deleteLink('vm-a') },
  { name: 'a bridge is deleted', before: { vms: { a: vm, b: vm } }, change: (_, host) => host.net.deleteLink('br-n1') },
  { name: 'the rules are flushed', before: { vms: { a: vm } }, change: (_, host) => host.net.flushRuleset() },
  {
    name: 'everything is deleted by hand',
    before: { vms: { a: vm, b: vm } },
    change: (_, host) => {
      for (const link of host.net.links()) if (link.group === root.group) host.net.deleteLink(link.name)
      host.net.flushRuleset()
      host.net.setForwarding(false)
    },
  },
  {
    name: 'the host reboots',
    before: { vms: { a: full, b: vm } },
    change: (site, host) => {
      site.reboot(false)
      host.start()
    },
  },
]
