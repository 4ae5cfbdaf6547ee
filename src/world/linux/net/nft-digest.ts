import { createHash } from 'node:crypto'

/** One object of a listing, as libnftables-json(5) has it: `{ chain: { ... } }`, `{ rule: { ... } }`. */
export type Item = Readonly<Record<string, unknown>>

/** Members that change while nobody changes anything. */
const volatile = new Set(['handle', 'packets', 'bytes', 'used'])

/**
 * Digest of tables, chains, set definitions and rules, 32 hex digits. The order of rules in their chain counts; the
 * order in which one version of nft or another lists objects does not, nor do handles and counters.
 */
export function digestItems(items: readonly Item[]): string {
  const lines = items
    .filter((item) => !('metainfo' in item))
    .map((item) => ({
      key: sortKey(item),
      text: JSON.stringify(item, (key, value) => (volatile.has(key) ? undefined : value)),
    }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ text }) => text)
  return createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 32)
}

/** Rules of one chain share theirs, and sorting is stable. */
function sortKey(item: Item): string {
  const [type = '', object] = Object.entries(item)[0] ?? []
  const { family, chain, name } = object as { family?: string; chain?: string; name?: string }
  return [type, family, chain ?? name].join(' ')
}
