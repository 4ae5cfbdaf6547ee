import { sha256Of } from './base.ts'

/** What no schema can say, by path: bounds of amounts, names that must resolve, files that must be there. */

const images = '/var/lib/moorage/images'

const disk = { min: '1Mi', max: '1Pi', less: '1023Ki', more: '1025Ti' }

/** Bounds of amounts of bytes, which are a rule and no part of the schema. */
export const amounts: Readonly<Record<string, { min: string; max: string; less: string; more: string }>> = {
  'MicroVM.spec.memory': { min: '16Mi', max: '64Ti', less: '15Mi', more: '65Ti' },
  'MicroVM.spec.disks[].ephemeral.size': disk,
  'MicroVM.spec.stateTemplates[].spec.size': disk,
  'MicroVMState.spec.size': disk,
}

/** The least valid value where what the schema would make names nothing. */
export const leasts: Readonly<Record<string, unknown>> = {
  'MicroVM.spec.disks[]': { name: 'more', ephemeral: { size: '1Mi' } },
  'MicroVM.spec.interfaces[]': { name: 'more', network: { name: 'n2' } },
  'MicroVM.spec.image': { name: 'other' },
  'MicroVM.spec.disks[].state': { name: 'spare' },
  'MicroVM.spec.credentials.items[].source': { value: 'x' },
  'MicroVM.spec.credentials.items[].source.file': { path: '/run/secrets/key2' },
  'MicroVM.spec.credentials.items[].source.secretKeyRef': { name: 'token2', key: 'token' },
  'MicroVM.spec.guest.rootPasswordHashFrom.secretKeyRef': { name: 'token2', key: 'hash' },
  'MicroVM.spec.readiness.console': { contains: 'guest' },
  'MicroVM.spec.stateTemplates[].disk': 'data',
  'MicroVMOperation.spec.microVM': { name: 'c' },
  'MicroVMImage.spec.source.hostPath': { kernel: { path: `${images}/other/vmlinuz` } },
  'MicroVMImage.spec.source.hostPath.kernel': { path: `${images}/other/vmlinuz` },
  'MicroVMImage.spec.source.hostPath.initrd': { path: `${images}/other/initrd` },
  'MicroVMImage.spec.source.hostPath.root': { path: `${images}/other/root.erofs`, format: 'raw' },
}

const nic = { name: 'eth0', network: { name: 'n1' }, tap: 'vm-a' }

/** Valid values instead of those that the schema's patterns give: what they name is there, or is not and must be told. */
export const values: Readonly<Record<string, readonly unknown[]>> = {
  'MicroVM.metadata.name': ['z'],
  'MicroVMNetwork.metadata.name': ['z'],
  'MicroVMImage.metadata.name': ['z'],
  'MicroVMState.metadata.name': ['z'],
  'MicroVMOperation.metadata.name': ['z'],
  'Secret.metadata.name': ['z'],
  'MicroVM.metadata.namespace': ['z'],
  'MicroVM.spec.placement.nodeName': ['sim', 'elsewhere'],
  'MicroVM.spec.image.name': ['other', 'missing'],
  'MicroVM.spec.disks[].state.name': ['spare', 'missing'],
  'MicroVM.spec.stateTemplates[].disk': ['data'],
  'MicroVM.spec.stateTemplates[].spec.source.volume': ['missing'],
  'MicroVMState.spec.source.volume': ['missing'],
  'MicroVM.spec.interfaces[].network.name': ['n2', 'missing'],
  'MicroVM.spec.interfaces[].address': ['10.1.0.77', '10.1.0.254', '10.1.0.1', '10.9.0.2', '10.1.0.3'],
  'MicroVM.spec.interfaces[].tap': ['x', 'A_b.c-0', 'fifteen-letters', 'vm-b', 'br-n1'],
  'MicroVM.spec.interfaces[].mac': ['02:00:00:00:00:01', 'fE:Ab:00:00:00:02', '02:00:00:00:00:0b'],
  'MicroVM.spec.interfaces': [
    [nic, { name: 'more', network: { name: 'n1' } }],
    [{ name: 'more', network: { name: 'n2' } }, nic],
    [{ name: 'other', network: { name: 'n1' } }],
    [],
  ],
  'MicroVM.spec.credentials.items[].source.file.path': ['/run/secrets/key2', '/run/secrets/missing', '/etc/shadow'],
  'MicroVM.spec.credentials.items[].source.secretKeyRef.name': ['token2', 'missing'],
  'MicroVM.spec.credentials.items[].source.secretKeyRef.key': ['hash', 'missing'],
  'MicroVM.spec.guest.rootPasswordHashFrom.secretKeyRef.name': ['token2', 'missing'],
  'MicroVM.spec.guest.rootPasswordHashFrom.secretKeyRef.key': ['token', 'missing'],
  'MicroVM.spec.readiness.tcpSocket.host': ['10.1.0.2'],
  'MicroVM.spec.readiness.httpGet.host': ['10.1.0.2'],
  'MicroVM.spec.readiness.console.contains': ['guest: up', 'up'],
  'MicroVMNetwork.spec.bridge': ['x', 'A_b.c-0', 'br-n2', 'vm-b'],
  'MicroVMNetwork.spec.subnet': ['10.1.0.0/25', '10.1.0.0/16', '10.9.0.0/24', '10.2.0.0/16', '10.1.0.0/30'],
  'MicroVMNetwork.spec.gateway': ['10.1.0.254', '10.1.0.2'],
  'MicroVMImage.spec.source.hostPath.kernel.path': [`${images}/other/vmlinuz`, `${images}/missing`, '/etc/shadow'],
  'MicroVMImage.spec.source.hostPath.initrd.path': [`${images}/other/initrd`, `${images}/missing`],
  'MicroVMImage.spec.source.hostPath.root.path': [`${images}/other/root.erofs`, `${images}/missing`],
  'MicroVMImage.spec.source.hostPath.kernel.sha256': [sha256Of(`${images}/small/vmlinuz`), '0'.repeat(64)],
  'MicroVMImage.spec.source.hostPath.initrd.sha256': [sha256Of(`${images}/small/initrd`), '0'.repeat(64)],
  'MicroVMImage.spec.source.hostPath.root.sha256': [sha256Of(`${images}/small/root.erofs`), '0'.repeat(64)],
  'MicroVMOperation.spec.microVM.name': ['c', 'missing'],
  'MicroVMOperation.spec.uid': ['x'],
}

const noParent = '/a/../b'

/** Invalid values beside those that the schema gives: what a rule forbids that is no pattern, or is about several fields. */
export const forbidden: Readonly<Record<string, readonly unknown[]>> = {
  'MicroVM.spec.interfaces[].mac': ['00:00:00:00:00:00'],
  'MicroVM.spec.credentials.items[].source.file.path': [noParent],
  'MicroVM.spec.disks': [
    [],
    [
      { name: 'data', state: { name: 'data' } },
      { name: 'made', state: { name: 'made' } },
      { name: 'twice', state: { name: 'data' } },
    ],
  ],
  'MicroVM.spec.stateTemplates[].spec': [
    { size: '64Mi', fsType: 'none', label: 'x' },
    { size: '64Mi', fsType: 'xfs', label: 'thirteenlong1' },
  ],
  'MicroVMState.spec': [
    { size: '64Mi', fsType: 'none', label: 'x' },
    { size: '64Mi', fsType: 'xfs', label: 'thirteenlong1' },
  ],
  'MicroVMNetwork.spec.gateway': ['10.1.0.0', '10.1.0.255', '10.2.0.1'],
  'MicroVMNetwork.spec.subnet': [
    '10.1.0.1/24',
    '10.1.0.0/31',
    '10.0.0.0/7',
    '127.0.0.0/8',
    '224.0.0.0/24',
    '169.254.0.0/16',
  ],
  'MicroVM.apiVersion': ['v1'],
  'MicroVM.kind': ['MicroVm', 'Secret'],
}
