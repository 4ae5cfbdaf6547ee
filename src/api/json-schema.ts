import { type JsonSchema, jsonSchemaOf } from './crd.ts'
import type { Kind } from './kinds.ts'
import { isMap, ONE_OF_KEY, RULES_KEY } from './rule.ts'

/** The JSON Schema (draft 7, which editors read) of a kind, by which they complete and check manifests. */
export function editorSchema(kind: Kind): JsonSchema {
  const schema = forEditors(jsonSchemaOf(kind.schema, 'draft-7')) as JsonSchema
  return { ...schema, title: kind.kind, description: kind.description }
}

/** Unions become `oneOf`; what only an API server reads goes. */
function forEditors(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(forEditors)
  if (!isMap(node)) return node
  const kept = Object.entries(node).filter(([key]) => !isForServers(key))
  const result = Object.fromEntries(kept.map(([key, value]) => [key, forEditors(value)]))
  const names = node[ONE_OF_KEY]
  return Array.isArray(names) ? { ...result, oneOf: names.map((name) => ({ required: [name] })) } : result
}

function isForServers(key: string): boolean {
  return key === ONE_OF_KEY || key === RULES_KEY || key.startsWith('x-kubernetes-')
}
