import type { Plan } from '../../src/action.ts'
import { parseManifest } from '../../src/api/manifest.ts'
import { keyOf, refOf } from '../../src/api/meta.ts'
import { rebuild } from '../../src/controller/rebuild.ts'
import { digest } from '../../src/digest.ts'
import type { HostFeatures } from '../../src/hypervisor/driver.ts'
import { plan } from '../../src/plan/plan.ts'
import type { CredentialFacts, ImageFacts, ResolveInput, Wanted } from '../../src/resolve/input.ts'
import { type Resolved, resolve } from '../../src/resolve/resolve.ts'
import { apply, emptyHost, type MemoryHost } from '../memory-host.ts'

/** What a story is told with: YAML as a user writes it, a revision for each Secret, files that are missing. */
export interface Specs {
  readonly text: string
  /** What a Secret's values come to, by its name; default `1`. */
  readonly revisions?: Readonly<Record<string, string>>
  readonly missingFiles?: readonly string[]
  /** Names of objects whose manifests are gone. */
  readonly deleted?: readonly string[]
}

const features: HostFeatures = {
  architecture: 'amd64',
  programs: { 'qemu-system-x86_64': { path: '/usr/bin/qemu-system-x86_64', version: '7.2.22' } },
  kvm: { usable: false, why: 'a test has none', group: null },
}

/** The input of resolve that these specs are, on that host. */
export function inputOf(specs: Specs, host: MemoryHost): ResolveInput {
  const objects = wantedOf(specs)
  return {
    objects,
    ledger: rebuild(host.ledger, host.observed.machines),
    images: new Map(objects.flatMap((wanted) => imageFacts(wanted, specs.missingFiles ?? []))),
    credentials: new Map(objects.flatMap((wanted) => credentialFacts(wanted, specs.revisions ?? {}))),
    features,
    settings: {
      nodeName: 'host-a',
      root: '',
      volumes: '/var/lib/moorage/volumes',
      users: { first: 61000, count: 100 },
      graceSeconds: 30,
      cluster: false,
    },
    now: host.now,
  }
}

export function planOf(specs: Specs, host: MemoryHost): { plan: Plan; resolved: Resolved; host: MemoryHost } {
  const resolved = resolve(inputOf(specs, host))
  const settled = { ...host, ledger: resolved.ledger }
  return { plan: plan(resolved.state, host.observed, resolved.ledger, host.now), resolved, host: settled }
}

/** The host after as many passes as it takes; throws when eight are not enough. */
export function converge(specs: Specs, start: MemoryHost): MemoryHost {
  let host = start
  for (let pass = 0; pass < 8; pass++) {
    const step = planOf(specs, host)
    if (step.plan.actions.length === 0) return step.host
    host = step.plan.actions.reduce(apply, step.host)
  }
  throw new Error('eight passes were not enough')
}

function wantedOf({ text, deleted = [] }: Specs): readonly Wanted[] {
  return parseManifest(text).map(({ object, problems }, index) => {
    if (!object) throw new Error(problems.map((problem) => problem.message).join('; '))
    const key = keyOf(object)
    const uid = uidOf(key)
    const deletion = deleted.includes(object.metadata.name) ? { at: 1 } : null
    return { key, ref: refOf(object), uid, generation: 1, createdAt: emptyHost().now + index, object, deletion }
  })
}

/** Fixed for a key, so that a scenario can be read. */
export function uidOf(key: string): string {
  const hex = digest(key)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8000-000000000000`
}

function imageFacts({ object }: Wanted, missing: readonly string[]): [string, ImageFacts][] {
  if (object.kind !== 'MicroVMImage') return []
  const { kernel, initrd, root } = object.spec.source.hostPath!
  const fact = (file: { path: string }) =>
    missing.includes(file.path)
      ? { problem: `${file.path} is not there` }
      : { path: file.path, sha256: `of ${file.path}` }
  return [
    [
      object.metadata.name,
      { kernel: fact(kernel), initrd: initrd ? fact(initrd) : null, root: root ? fact(root) : null },
    ],
  ]
}

function credentialFacts(
  { object, uid }: Wanted,
  revisions: Readonly<Record<string, string>>,
): [string, CredentialFacts][] {
  if (object.kind !== 'MicroVM') return []
  const items = object.spec.credentials?.items ?? []
  if (items.length === 0) return []
  const names = items.flatMap(({ source }) => source.secretKeyRef?.name ?? [])
  const secrets = [...new Set(names.map((name) => `Secret/${object.metadata.namespace}/${name}`))]
  const revision = { key: 'k1', digest: names.map((name) => revisions[name] ?? '1').join('.') }
  return [[uid, { items: items.map(({ name }) => ({ name, length: 8 })), revision, secrets, problem: null }]]
}
