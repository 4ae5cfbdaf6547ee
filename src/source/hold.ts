import { fileOf, type Index, type IndexRecord } from './index.ts'
import type { Tree } from './tree.ts'

/** Why nothing at all follows from what is absent in this tree; null when something may. */
export function wholeHold(tree: Tree, absent: readonly IndexRecord[]): string | null {
  if (tree.fault !== null) return `${tree.root} ${tree.fault}; until then nothing is taken as deleted`
  const files = new Set(absent.map((record) => fileOf(record)?.file))
  if (tree.files.size > 0 || files.size < 2) return null
  // One file that goes is a file that goes; several at once, and none left, look like a disk that is not there.
  return `${tree.root} held ${files.size} manifests and holds none any more: ${PUT_BACK}`
}

/** Why objects that no record knows may still be wanted; null when every one of them has been seen. */
export function recoverHold(previous: Index, tree: Tree, complete: boolean): string | null {
  if (!previous.recover || complete) return null
  if (tree.files.size === 0) return `no manifest was ever seen in ${tree.root}: put some there`
  return `not every manifest in ${tree.root} can be understood, and there is no record of what they said before: mend them`
}

const PUT_BACK = 'put them back, or confirm with `moorage delete KIND NAME`'
