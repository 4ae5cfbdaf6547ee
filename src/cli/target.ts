import { KINDS, type Kind, kindNamed } from '../api/kinds.ts'
import { hint } from '../api/nearest.ts'
import type { ShownObject } from '../controller/control-wire.ts'
import type { Client } from './client.ts'
import { Failure } from './failure.ts'

/** The kind that a word means, with or without a group behind it: `mvm`, `MicroVM`, `microvms.moorage.dev`. */
export function kindOfWord(word: string): Kind {
  const name = word.replace(/\.moorage\.dev$/i, '')
  const kind = kindNamed(name)
  if (kind !== undefined) return kind
  const words = KINDS.flatMap((each) => [each.kind, each.singular, each.plural, ...each.shortNames])
  throw new Failure(`there is no kind ${word}${hint(name, words) || `: there are ${kindNames()}`}`)
}

function kindNames(): string {
  return KINDS.map(({ kind }) => kind).join(', ')
}

/** A kind and a name as `wait` and others take them: `MicroVM/slot1`. */
export function parseTarget(text: string): { readonly kind: Kind; readonly name: string } {
  const [word = '', name, ...rest] = text.split('/')
  if (!name || rest.length > 0) throw new Failure(`${text} is no KIND/NAME; write for example MicroVM/slot1`)
  return { kind: kindOfWord(word), name }
}

/** `MicroVM default/slot1`, as sentences name an object. */
export function nameOf({ kind, metadata }: Pick<ShownObject, 'kind' | 'metadata'>): string {
  return `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ''}${metadata.name}`
}

/** `Kind/namespace/name`. */
export function keyOf({ kind, metadata }: Pick<ShownObject, 'kind' | 'metadata'>): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`
}

/**
 * The one object that is meant. Without a namespace all are looked through; a name that stands in several is a
 * {@link Failure} that asks which, one that stands in none another.
 */
export async function findOne(
  client: Client,
  kind: Kind,
  name: string,
  namespace: string | undefined,
): Promise<ShownObject> {
  const found = await client.objects({ kind: kind.kind, name, namespace: scoped(kind, namespace) })
  const [first] = found
  if (first === undefined) throw await missing(client, kind, name, namespace)
  if (found.length === 1) return first
  const places = found.map(({ metadata }) => metadata.namespace).join(', ')
  throw new Failure(`${kind.kind} ${name} is in several namespaces; add -n with one of ${places}`)
}

/** The namespace that matters for a kind: none for what has none. */
export function scoped(kind: Kind, namespace: string | undefined): string | undefined {
  return kind.scope === 'Namespaced' ? namespace : undefined
}

async function missing(client: Client, kind: Kind, name: string, namespace: string | undefined): Promise<Failure> {
  const others = await client.objects({ kind: kind.kind, namespace: scoped(kind, namespace) })
  const near = hint(
    name,
    others.map(({ metadata }) => metadata.name),
  )
  const where = scoped(kind, namespace) === undefined ? '' : ` in namespace ${namespace}`
  return new Failure(`there is no ${kind.kind} ${name}${where}${near}`)
}
