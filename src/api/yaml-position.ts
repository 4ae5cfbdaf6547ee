import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair } from 'yaml'
import type { Path } from './problem.ts'

/** Where a path leads in a document, as far as the document goes that way. */
export interface Place {
  /** The key of the value, or of the nearest mapping entry around it; absent at the top of a document. */
  readonly key?: Node | undefined
  readonly value: Node | null
  /** Whether the whole path is there. */
  readonly whole: boolean
}

/** Follows a path through a document's nodes. */
export function find(content: Node | null, path: Path, targets: ReadonlyMap<Alias, Node>): Place {
  let place: Place = { value: content, whole: true }
  for (const step of path) {
    const next = inside(place, step, targets)
    if (next === undefined) return { ...place, whole: false }
    place = next
  }
  return place
}

/**
 * The offset to show for a place: of the value; of its key when the key is meant, or the value is written as nothing, or
 * is not there at all (then the key around it), or begins on a later line.
 */
export function offsetOf({ key, value, whole }: Place, atKey: boolean): number {
  const first = atKey || !whole || isEmpty(value) || isBlock(value) ? (key ?? value) : value
  return first?.range?.[0] ?? 0
}

function inside(
  { value: node, key }: Place,
  step: string | number,
  targets: ReadonlyMap<Alias, Node>,
): Place | undefined {
  const target = isAlias(node) ? targets.get(node) : node
  if (isSeq(target)) {
    const value = target.items[Number(step)] as Node | undefined
    return value === undefined ? undefined : { key: isMap(value) ? undefined : key, value, whole: true }
  }
  if (!isMap(target)) return undefined
  const pairs = target.items as Pair<Node, Node | null>[]
  const pair = pairs.find((each) => isScalar(each.key) && each.key.value === step)
  return pair === undefined ? undefined : { key: pair.key, value: pair.value, whole: true }
}

/** A list or mapping in block style, whose own first character is that of its first entry. */
function isBlock(node: Node | null): boolean {
  return (isMap(node) || isSeq(node)) && node.flow !== true
}

function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.source === '' && node.type === 'PLAIN')
}
