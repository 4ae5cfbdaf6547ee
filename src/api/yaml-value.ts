import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml'
import { type Path, pathText } from './problem.ts'
import { MAX_DEPTH, TOO_DEEP } from './yaml-text.ts'

// Aliases can only repeat a little: a document that doubles itself forty times is refused, not expanded.
const MAX_ALIASES = 32
const MAX_NODES = 100_000

/** A document's content as plain data, and what YAML would have let pass. */
export interface YamlValue {
  readonly value: unknown
  readonly faults: readonly NodeFault[]
  /** What each alias stands for. */
  readonly targets: ReadonlyMap<Alias, Node>
}

/** What is wrong with a node. */
export interface NodeFault {
  readonly node: Node
  readonly path: Path
  readonly message: string
}

// What kubectl's reader (sigs.k8s.io/yaml, YAML 1.1 in Go) takes for another type than YAML 1.2 does.
const WORD = /^(?:y|n|yes|no|on|off)$/i
const PREFIXED = /^[-+]?0(?:[0-9_]+|[bB][01_]+|[oO][0-7_]+|[xX][0-9a-fA-F_]+)$/
const HEX = /^0x[0-9a-fA-F]+$/
const UNDERSCORED = /^[-+]?[0-9]+_[0-9_]*(?:[.][0-9_]*)?(?:[eE][-+]?[0-9]+)?$/

const CORE_TAG = /^tag:yaml[.]org,2002:(?:str|int|float|bool|null|map|seq)$/

/** Turns nodes into plain data: keys are text and unique, and what YAML 1.1 would read otherwise is refused. Never throws. */
export function plainOf(content: Node | null): YamlValue {
  const reader = new Reader()
  const value = content === null ? null : reader.read(content, [])
  return { value, faults: reader.faults, targets: reader.targets }
}

class Reader {
  readonly faults: NodeFault[] = []
  readonly targets = new Map<Alias, Node>()
  private readonly anchors = new Map<string, { node: Node; open: boolean }>()
  private aliases = 0
  private nodes = 0

  read(node: Node | null, path: Path): unknown {
    this.nodes += 1
    if (node === null) return null
    if (this.nodes > MAX_NODES) return this.once(node, `the document has more than ${MAX_NODES} values: split it`)
    if (isAlias(node)) return this.follow(node, path)
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined
    if (anchor === undefined) return this.plain(node, path)
    const entry = { node, open: true }
    this.anchors.set(anchor, entry)
    const value = this.plain(node, path)
    entry.open = false
    return value
  }

  private plain(node: Node, path: Path): unknown {
    const tag = (node as { tag?: string }).tag
    if (tag !== undefined && !CORE_TAG.test(tag))
      return this.fault(node, path, 'has a tag (!) that is not known here: take it out')
    if (path.length >= MAX_DEPTH && (isMap(node) || isSeq(node))) return this.once(node, TOO_DEEP)
    if (isMap(node)) return this.map(node, path)
    if (isSeq(node)) return this.list(node, path)
    if (!isScalar(node)) return this.fault(node, path, 'is no value')
    if (isAmbiguous(node)) this.fault(node, path, 'is read differently by YAML 1.1 and 1.2: put it in quotes')
    return node.value
  }

  private list(node: YAMLSeq, path: Path): unknown[] {
    return node.items.map((item, index) => this.read(item as Node | null, [...path, index]))
  }

  private map(node: YAMLMap, path: Path): Record<string, unknown> {
    const map: Record<string, unknown> = {}
    for (const pair of node.items as Pair<Node | null, Node | null>[]) {
      const key = this.key(pair.key, node, path)
      if (key === undefined) continue
      const inner = [...path, key]
      if (Object.hasOwn(map, key)) this.fault(pair.key ?? node, inner, 'stands here twice: take one out')
      else map[key] = this.read(pair.value, inner)
    }
    return map
  }

  private key(key: Node | null, map: Node, path: Path): string | undefined {
    if (!isScalar(key)) return this.fault(key ?? map, path, 'has a key that is not text: put it in quotes')
    const { value } = key
    if (value === '<<' && key.type === 'PLAIN')
      return this.fault(key, path, 'has a merge key (<<): write the fields out')
    if (value === '__proto__') return this.fault(key, path, 'has a key __proto__, which is refused')
    if (value === null || value === '') return this.fault(key, path, 'has an empty key')
    if (typeof value !== 'string' || isAmbiguous(key)) {
      return this.fault(key, path, 'has a key that is not text: put it in quotes')
    }
    return value
  }

  private follow(alias: Alias, path: Path): unknown {
    const entry = this.anchors.get(alias.source)
    this.aliases += 1
    if (this.aliases > MAX_ALIASES)
      return this.once(alias, `the document has more than ${MAX_ALIASES} aliases: write them out`)
    if (entry === undefined) return this.fault(alias, path, 'is an alias (*) without an anchor (&) before it')
    if (entry.open) return this.fault(alias, path, 'is an alias (*) of what contains it')
    this.targets.set(alias, entry.node)
    return this.plain(entry.node, path)
  }

  private fault(node: Node, path: Path, predicate: string): undefined {
    this.faults.push({ node, path, message: `${pathText(path) || 'the document'} ${predicate}` })
    return undefined
  }

  /** A fault of the whole document: told once, however often it is met. */
  private once(node: Node, message: string): undefined {
    if (!this.faults.some((each) => each.message === message)) this.faults.push({ node, path: [], message })
    return undefined
  }
}

function isAmbiguous(node: Scalar): boolean {
  if (node.type !== 'PLAIN' || node.tag !== undefined || node.source === undefined) return false
  // Nearly every scalar begins with another letter.
  if (!/^[-+0-9yYnNoO]/.test(node.source)) return false
  return WORD.test(node.source) || isAmbiguousNumber(node.source)
}

function isAmbiguousNumber(source: string): boolean {
  return (PREFIXED.test(source) && !HEX.test(source)) || UNDERSCORED.test(source)
}
