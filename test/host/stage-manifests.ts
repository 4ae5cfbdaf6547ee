import { stringify } from 'yaml'

/** Objects, or parts of them, as YAML would have them. */
export type Fields = Readonly<Record<string, unknown>>

const apiVersion = 'moorage.dev/v1alpha1'

/** Documents of one file. */
export function yaml(...objects: readonly Fields[]): string {
  return objects.map((object) => stringify(object)).join('---\n')
}

/** The kernel command line of either guest; `moorage.test` makes Debian's say digests of its credentials. */
const cmdline = 'console=ttyS0 quiet net.ifnames=0 systemd.firstboot=0 moorage.test moorage.state=state'

/** `small` is up in two seconds; `debian` has systemd. `more` goes behind the kernel command line. */
export function image(name: string, of: 'small' | 'debian' = 'small', more = ''): Fields {
  const folder = `/var/lib/moorage/images/${of}`
  const root = { root: { path: `${folder}/root.erofs`, format: 'raw' } }
  const hostPath = {
    kernel: { path: `${folder}/vmlinuz` },
    initrd: { path: `${folder}/initrd` },
    ...(of === 'debian' && root),
  }
  const spec = { architecture: 'amd64', cmdline: `${cmdline} ${more}`.trim(), source: { hostPath } }
  return { apiVersion, kind: 'MicroVMImage', metadata: { name }, spec }
}

/** Network `n1` is bridge `br-n1` with 10.1.0.0/24, `n2` the next one. */
export function network(name: string, spec: Fields = {}): Fields {
  const subnet = `10.${name.slice(1)}.0.0/24`
  return { apiVersion, kind: 'MicroVMNetwork', metadata: { name }, spec: { subnet, nat: true, ...spec } }
}

/** A VM on nothing that boots the image `small` and counts as ready when its web page answers, or when it runs. */
export function vm(name: string, spec: Fields = {}): Fields {
  const base = {
    qemu: { accel: 'tcg' },
    vcpu: 1,
    memory: '80Mi',
    image: { name: 'small' },
    terminationGracePeriodSeconds: 20,
  }
  return { apiVersion, kind: 'MicroVM', metadata: { name }, spec: { ...base, ...spec } }
}

/** As `vm`, with the TAP `vm-NAME` on a network; `last`: the last octet of its address, null for any that is free. */
export function networked(name: string, net: string, last: number | null, spec: Fields = {}): Fields {
  const address = last === null ? {} : { address: addressOf(net, last) }
  const nic = { name: 'eth0', network: { name: net }, tap: `vm-${name}`, ...address }
  const readiness = { tcpSocket: { port: 80 }, periodSeconds: 1 }
  return vm(name, { interfaces: [nic], readiness, ...spec })
}

/** `10.1.0.2` for `n1` and 2. */
export function addressOf(net: string, last: number): string {
  return `10.${net.slice(1)}.0.${last}`
}

/** A disk that the VM's template makes. */
export function withState(state: string, spec: Fields = {}): Fields {
  const template = { size: '64Mi', fsType: 'ext4', label: 'state', ...spec }
  return { disks: [{ name: 'state', state: { name: state } }], stateTemplates: [{ disk: 'state', spec: template }] }
}

export function secret(name: string, stringData: Readonly<Record<string, string>>): Fields {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData }
}
