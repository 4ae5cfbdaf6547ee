import { createHmac } from 'node:crypto'
import type { CredentialRevision } from '../host-state.ts'
import type { Secret } from './secret.ts'

/** The key that revisions are made with; lost, it is made anew under another id and nobody restarts for it. */
export interface DigestKey {
  readonly id: string
  readonly key: Secret
}

/**
 * A keyed digest over names, lengths and values: two lists are equal when their revisions are. Without the key it tells
 * nothing about a value, however short (a plain hash of a short password is its password).
 */
export function revisionOf(
  items: readonly { readonly name: string; readonly value: Secret }[],
  key: DigestKey,
): CredentialRevision {
  const mac = createHmac('sha256', key.key.reveal())
  for (const { name, value } of items) {
    mac.update(`${Buffer.byteLength(name)}:${name}:${value.length}:`)
    mac.update(value.reveal())
  }
  return { key: key.id, digest: mac.digest('hex').slice(0, 16) }
}
