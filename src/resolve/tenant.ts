import { nameIn, texts } from '../api/loose.ts'
import { isMap, mapsIn } from '../api/rule.ts'

/** What a VM asks for that a tenant has to be allowed. Read loosely from a spec of any shape. */
export interface TenantWish {
  readonly networks: readonly string[]
  readonly image: string
  readonly shares: readonly string[]
  /** Which kinds of names and numbers, unique on a host, it chooses itself. */
  readonly identifiers: readonly HostIdentifier[]
  /** Credentials that would be read from a file of the host. */
  readonly files: readonly string[]
}

export type HostIdentifier = 'TAP' | 'MAC' | 'CID'

/** What a namespace may use; quota and address ranges are the manager's. */
export interface TenantAllowance {
  readonly networks: ReadonlySet<string>
  readonly images: ReadonlySet<string>
  readonly shares: ReadonlySet<string>
  readonly hostIdentifiers: ReadonlySet<string>
}

/** What the spec of a MicroVM asks of its tenant. */
export function tenantWishOf(spec: unknown): TenantWish {
  const interfaces = mapsIn(spec, 'interfaces')
  const vsock = isMap(spec) ? spec.vsock : undefined
  const identifiers: HostIdentifier[] = []
  if (interfaces.some(({ tap }) => tap !== undefined)) identifiers.push('TAP')
  if (interfaces.some(({ mac }) => mac !== undefined)) identifiers.push('MAC')
  if (isMap(vsock) && vsock.cid !== undefined) identifiers.push('CID')
  const items = isMap(spec) ? mapsIn(spec.credentials, 'items') : []
  return {
    networks: interfaces.map((each) => nameIn(each.network)),
    image: isMap(spec) ? nameIn(spec.image) : '',
    shares: mapsIn(spec, 'shares').map((each) => nameIn(each.share)),
    identifiers,
    files: items
      .filter(({ source }) => isMap(source) && source.file !== undefined)
      .map(({ name }) => (typeof name === 'string' ? name : '')),
  }
}

/** What the spec of a MicroVMTenant allows. */
export function tenantAllowanceOf(spec: unknown): TenantAllowance {
  return {
    networks: new Set(mapsIn(spec, 'networks').map(nameIn)),
    images: new Set(texts(spec, 'images')),
    shares: new Set(texts(spec, 'shares')),
    hostIdentifiers: new Set(texts(spec, 'hostIdentifiers')),
  }
}

/**
 * Why a VM may not run in a namespace of a cluster, one sentence each; empty when it may. Without a tenant nothing may.
 * Also for a VM that is bound already: its spec may be edited into what it may not have.
 */
export function tenantRefusals(namespace: string, wish: TenantWish, allowed: TenantAllowance | null): string[] {
  if (allowed === null) return [`namespace ${namespace} may use nothing: there is no MicroVMTenant ${namespace}`]
  const found: string[] = []
  const need = (what: string, names: readonly string[], set: ReadonlySet<string>, field: string) => {
    for (const name of new Set(names)) {
      if (!set.has(name))
        found.push(`MicroVMTenant ${namespace} does not allow ${what} ${name}: add it to spec.${field}`)
    }
  }
  need('network', wish.networks, allowed.networks, 'networks')
  need('image', [wish.image], allowed.images, 'images')
  need('share', wish.shares, allowed.shares, 'shares')
  need('a chosen', wish.identifiers, allowed.hostIdentifiers, 'hostIdentifiers')
  for (const name of wish.files) {
    found.push(`credential ${name} is a file of the host, which no VM of a cluster may read: take a secretKeyRef`)
  }
  return found
}
