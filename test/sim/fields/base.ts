import { createHash } from 'node:crypto'
import { API_VERSION } from '../../../src/api/meta.ts'
import { type Fields, image, network, networked, secret, vm } from '../../host/stage-manifests.ts'
import type { Stage } from '../stage.ts'
import { canary } from '../wanted.ts'

const images = '/var/lib/moorage/images'

/** What lies on the host beside the manifests: images and credential files, each with its own bytes. */
const onHost: Readonly<Record<string, string>> = {
  [`${images}/small/vmlinuz`]: 'vmlinuz',
  [`${images}/small/initrd`]: 'initrd',
  [`${images}/small/root.erofs`]: 'root',
  [`${images}/other/vmlinuz`]: 'another kernel',
  [`${images}/other/initrd`]: 'another initrd',
  [`${images}/other/root.erofs`]: 'another root',
  '/run/secrets/key': `${canary}-file`,
  '/run/secrets/key2': `${canary}-file-2`,
}

/** The SHA-256 of a file of the host. */
export function sha256Of(path: string): string {
  return createHash('sha256').update(onHost[path]!).digest('hex')
}

/** Before the first controller. */
export function furnish(stage: Stage): void {
  for (const [path, text] of Object.entries(onHost))
    stage.host.files.write(path, text, path.startsWith(images) ? 0o644 : 0o600)
}

/** The objects whose fields are varied, by kind; each is used by the VM `a`, or used on `m`. */
export const subjects = {
  MicroVM: 'a',
  MicroVMNetwork: 'n1',
  MicroVMImage: 'small',
  MicroVMState: 'data',
  MicroVMOperation: 'op',
  Secret: 'token',
} as const

const secretKeyRef = { name: 'token', key: 'token' }

/** A host where every kind is in use. `a` has everything, `b` is its neighbor, `c` is Halted and `m` Manual. */
export function baseObjects(): readonly Fields[] {
  const small = image('small') as { spec: { source: { hostPath: object } } }
  const root = { path: `${images}/small/root.erofs`, format: 'raw' }
  const { interfaces, ...nothing } = networked('a', 'n1', null).spec as Record<string, unknown>
  return [
    { ...small, spec: { ...small.spec, source: { hostPath: { ...small.spec.source.hostPath, root } } } },
    {
      ...image('other'),
      spec: { architecture: 'amd64', source: { hostPath: { kernel: { path: `${images}/other/vmlinuz` } } } },
    },
    network('n1'),
    network('n2', { nat: false }),
    secret('token', { token: `${canary}-1`, hash: `${canary}-hash` }),
    secret('token2', { token: `${canary}-2`, hash: `${canary}-hash-2` }),
    state('data'),
    state('spare'),
    {
      ...vm('a', {
        ...nothing,
        interfaces,
        readiness: { tcpSocket: { port: 80 }, periodSeconds: 10 },
        disks: [
          { name: 'data', state: { name: 'data' } },
          { name: 'made', state: { name: 'made' } },
          { name: 'scratch', ephemeral: { size: '8Mi' } },
        ],
        stateTemplates: [{ disk: 'made', spec: { size: '64Mi' } }],
        credentials: {
          items: [
            { name: 'secret', source: { secretKeyRef } },
            { name: 'file', source: { file: { path: '/run/secrets/key' } } },
            { name: 'value', source: { value: 'plain' } },
          ],
        },
        guest: {
          authorizedKeys: ['ssh-ed25519 AAAA'],
          rootPasswordHashFrom: { secretKeyRef: { name: 'token', key: 'hash' } },
        },
      }),
    },
    vm('b', { interfaces: [{ name: 'eth0', network: { name: 'n1' }, tap: 'vm-b', mac: '02:00:00:00:00:0b' }] }),
    vm('c', { runStrategy: 'Halted', interfaces: [{ name: 'eth0', network: { name: 'n2' } }] }),
    vm('m', { runStrategy: 'Manual' }),
    {
      apiVersion: API_VERSION,
      kind: 'MicroVMOperation',
      metadata: { name: 'op' },
      spec: { type: 'Start', microVM: { name: 'm' }, ttlSeconds: 604_800 },
    },
  ]
}

function state(name: string): Fields {
  return { apiVersion: API_VERSION, kind: 'MicroVMState', metadata: { name }, spec: { size: '64Mi' } }
}
