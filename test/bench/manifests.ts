/** How the VMs of a measurement are written. */
export interface Fleet {
  readonly count: number
  /** Number of the first one; also told by names of links and by addresses. Default 0. */
  readonly first?: number
  readonly strategy?: 'Always' | 'Halted'
  /** Default microvm. */
  readonly machine?: 'microvm' | 'q35'
}

/** VMs of one network: one bridge has at most 1024 ports, and a five-slot host has one VM on each. */
export const perNetwork = 10

/** Where the guest's kernel is, below the root. */
export const kernelPath = '/var/lib/moorage/images/bench/kernel'

/** The image all of them boot. */
export const imageManifest = `apiVersion: moorage.dev/v1alpha1
kind: MicroVMImage
metadata: { name: rest }
spec:
  architecture: amd64
  source: { hostPath: { kernel: { path: ${kernelPath} } } }
`

export const vmName = (index: number): string => `vm-${index}`
export const tapName = (index: number): string => `mbt${index}`
export const bridgeName = (network: number): string => `mbb${network}`
/** With its prefix length. */
export const gatewayOf = (network: number): string => `10.${64 + (network >> 8)}.${network & 255}.1/24`
export const networkOf = (index: number): number => Math.floor(index / perNetwork)

/** The numbers of the VMs of a fleet. */
export function numbersOf({ count, first = 0 }: Fleet): readonly number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

/** The networks that a fleet needs. */
export function networksOf(fleet: Fleet): readonly number[] {
  return [...new Set(numbersOf(fleet).map(networkOf))]
}

export function networkManifest(network: number): string {
  return `apiVersion: moorage.dev/v1alpha1
kind: MicroVMNetwork
metadata: { name: net-${network} }
spec:
  bridge: ${bridgeName(network)}
  subnet: ${gatewayOf(network).replace(/\.1\//, '.0/')}
  nat: true
`
}

/** A stop kills at once: the guest hears nothing, and what is measured is control. */
export function vmManifest(index: number, { strategy = 'Always', machine = 'microvm' }: Fleet): string {
  return `apiVersion: moorage.dev/v1alpha1
kind: MicroVM
metadata: { name: ${vmName(index)} }
spec:
  runStrategy: ${strategy}
  qemu: { machine: ${machine}, accel: tcg }
  vcpu: 1
  memory: 16Mi
  image: { name: rest }
  interfaces: [{ name: eth0, network: { name: net-${networkOf(index)} }, tap: ${tapName(index)} }]
  terminationGracePeriodSeconds: 0
`
}

/** All of a fleet in one file, without the image. */
export function fleetManifest(fleet: Fleet): string {
  return [...networksOf(fleet).map(networkManifest), ...numbersOf(fleet).map((index) => vmManifest(index, fleet))].join(
    '---\n',
  )
}
