import { editorSchema } from '../../src/api/json-schema.ts'
import { KINDS, type Kind } from '../../src/api/kinds.ts'

interface Node {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly properties?: Readonly<Record<string, Node>>
  readonly items?: Node
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly required?: readonly string[]
  readonly additionalProperties?: Node | boolean
  readonly default?: unknown
}

const head = `# Every field

Made from the schemas in \`src/api\`; \`UPDATE=1 npx vitest run test/docs\` writes it anew. A field marked * is required.
\`moorage schema KIND\` prints the same as JSON Schema for editors, \`kubectl explain\` shows it in a cluster.
`

/** The reference of every kind as Markdown: one table of spec fields each. */
export function renderFields(): string {
  return `${head}\n${KINDS.map(renderKind).join('\n')}`
}

function renderKind(kind: Kind): string {
  const schema = editorSchema(kind) as Node
  const names = kind.shortNames.length > 0 ? `, short \`${kind.shortNames.join('`, `')}\`` : ''
  const parts = kind.kind === 'Secret' ? ['type', 'immutable', 'data', 'stringData'] : ['spec']
  const rows = parts.flatMap((part) =>
    rowsOf(schema.properties?.[part] ?? {}, part, schema.required?.includes(part) ?? false),
  )
  return `## ${kind.kind}\n\n${kind.description} ${kind.scope}${names}.\n\n| field | type | what it is |\n|---|---|---|\n${rows.join('\n')}\n`
}

function rowsOf(node: Node, path: string, required: boolean): string[] {
  const own = `| \`${path}\`${required ? ' *' : ''} | ${typeOf(node)} | ${cell(node.description ?? '')}${defaultOf(node)} |`
  const inner = node.items?.properties ? { node: node.items, prefix: `${path}[].` } : { node, prefix: `${path}.` }
  const children = Object.entries(inner.node.properties ?? {})
  return [
    own,
    ...children.flatMap(([name, child]) =>
      rowsOf(child, `${inner.prefix}${name}`, inner.node.required?.includes(name) ?? false),
    ),
  ]
}

function typeOf({ type, items, enum: values, const: only, properties, additionalProperties }: Node): string {
  if (only !== undefined) return `\`${String(only)}\``
  if (values) return values.map((value) => `\`${String(value)}\``).join(' ')
  if (items) return items.properties ? 'list of objects' : `list of ${typeOf(items)}`
  if (typeof additionalProperties === 'object' && !properties) return 'map of text'
  if (type === undefined) return 'quantity'
  return typeof type === 'string' ? type : type.join(' or ')
}

function defaultOf({ default: value }: Node): string {
  if (value === undefined || typeof value === 'object') return ''
  return ` Default \`${String(value)}\`.`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
