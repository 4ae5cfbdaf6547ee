import { createHash } from 'node:crypto'
import { API_VERSION } from '../../../src/api/meta.ts'
import { paths } from '../open.ts'
import { canary } from '../wanted.ts'

/** Objects, or parts of them. */
export type Fields = Readonly<Record<string, unknown>>

/** The namespace of all VMs. */
export const team = 'team'

/** Files of the image on every host, by name. */
export const imageFiles = { vmlinuz: 'kernel 1', initrd: 'initrd' } as const

/** A VM as its user wants it. */
export interface WantedVm {
  readonly network: string
  /** Mebibytes. */
  readonly memory: number
  readonly strategy: 'Always' | 'Halted'
  /** Name of a state that it makes and holds; null: none. */
  readonly state: string | null
  /** Name of the Secret that it gets a credential from; null: none. */
  readonly secret: string | null
  /** Whether a MicroVMRollout is about it. */
  readonly app: boolean
  /** Whether it counts as ready when it answers. */
  readonly probe: boolean
  /** The only host that it may run on; null: any. */
  readonly pin: string | null
  readonly token: number
}

export const plainVm: WantedVm = {
  ...{ network: 'n1', memory: 64, strategy: 'Always', state: null, secret: null },
  ...{ app: false, probe: false, pin: null, token: 1 },
}

function object(
  kind: string,
  name: string,
  spec: unknown,
  namespace: string | null = null,
  labels: Fields = {},
): Fields {
  const metadata = { name, ...(namespace && { namespace }), ...(Object.keys(labels).length > 0 && { labels }) }
  return { apiVersion: API_VERSION, kind, metadata, spec }
}

export function vmObject(name: string, vm: WantedVm): Fields {
  const { network, memory, strategy, state, secret, app, probe, pin, token } = vm
  const item = { name: 'KEY', source: { secretKeyRef: { name: secret, key: 'value' } } }
  const spec = {
    ...{ runStrategy: strategy, restartToken: String(token), qemu: { accel: 'tcg' }, vcpu: 1, memory: `${memory}Mi` },
    ...{ image: { name: 'small' }, terminationGracePeriodSeconds: 5 },
    interfaces: [{ name: 'eth0', network: { name: network } }],
    ...(state !== null && {
      disks: [{ name: 'data', state: { name: state } }],
      stateTemplates: [{ disk: 'data', spec: { size: '64Mi', fsType: 'ext4' } }],
    }),
    ...(secret !== null && { credentials: { items: [item] } }),
    ...(probe && { readiness: { tcpSocket: { port: 80 }, periodSeconds: 5 } }),
    ...(pin !== null && { placement: { nodeName: pin } }),
  }
  return object('MicroVM', name, spec, team, app ? { app: 'web' } : {})
}

export function networkObject(name: string): Fields {
  return object('MicroVMNetwork', name, { subnet: `10.${name.slice(1)}.0.0/24`, nat: true })
}

export function imageObject(): Fields {
  const file = (name: keyof typeof imageFiles) => ({
    path: `${paths.images}/small/${name}`,
    sha256: createHash('sha256').update(imageFiles[name]).digest('hex'),
  })
  const hostPath = { kernel: file('vmlinuz'), initrd: file('initrd') }
  return object('MicroVMImage', 'small', { architecture: 'amd64', cmdline: 'console=ttyS0', source: { hostPath } })
}

/** @param microVMs how many may be bound; null: as many as there is room for */
export function tenantObject(networks: readonly string[], microVMs: number | null): Fields {
  const quota = microVMs === null ? {} : { quota: { microVMs } }
  return object('MicroVMTenant', team, { networks: networks.map((name) => ({ name })), images: ['small'], ...quota })
}

export function rolloutObject(maxUnavailable: number): Fields {
  return object('MicroVMRollout', 'web', { selector: { matchLabels: { app: 'web' } }, maxUnavailable }, team)
}

/** What a Secret says in its so-manieth revision; it may stand nowhere else but in the guest. */
export function secretValue(name: string, revision: number): string {
  return `${canary}-${name}-${revision}`
}

export function secretObject(name: string, revision: number): Fields {
  const data = { value: Buffer.from(secretValue(name, revision)).toString('base64') }
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: team }, data }
}
