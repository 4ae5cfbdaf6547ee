import type { ObjectRef } from './host-state.ts'
import type { RootIdentity } from './ledger.ts'

/** `ifalias` of a link of ours; at most 255 bytes, since names are DNS labels of at most 63. */
export function aliasOf(root: RootIdentity, owner: ObjectRef): string {
  return `moorage:${root.id}/${owner.kind}/${owner.namespace}/${owner.name}`
}

/** Whose an alias says a link is; null when it is not one of this root. */
export function ownerOf(root: RootIdentity, alias: string): ObjectRef | null {
  const prefix = `moorage:${root.id}/`
  if (!alias.startsWith(prefix)) return null
  const [kind, namespace, name, ...rest] = alias.slice(prefix.length).split('/')
  if (!kind || namespace === undefined || !name || rest.length > 0) return null
  return { kind, namespace, name }
}
