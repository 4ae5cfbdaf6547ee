import { type Command, Option } from 'commander'
import { KINDS, type Kind } from '../api/kinds.ts'
import type { ShownObject } from '../controller/control-wire.ts'
import { type Client, openClient } from './client.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { watchTable } from './get-watch.ts'
import type { Page } from './page.ts'
import { headOf, listOf, needsNamespaces, resourceName, rowOf } from './show.ts'
import { table } from './table.ts'
import { findOne, kindOfWord, parseTarget, scoped } from './target.ts'
import { asYaml } from './yaml.ts'

export interface GetOptions {
  readonly namespace?: string
  readonly output: 'table' | 'wide' | 'json' | 'yaml' | 'name'
  readonly watch?: boolean
}

/** `moorage get [KIND [NAME]]`. */
export const get: Page<[string | undefined, string | undefined], GetOptions> = {
  define(command: Command) {
    command
      .argument('[kind]', 'kind, plural or short name; all for every kind; KIND/NAME too', 'MicroVM')
      .argument('[name]', 'one object')
      .option('-n, --namespace <namespace>', 'only this namespace; all of them when absent')
      .addOption(
        new Option('-o, --output <format>', 'how to print')
          .choices(['table', 'wide', 'json', 'yaml', 'name'])
          .default('table'),
      )
      .option('-w, --watch', 'go on with what changes')
  },
  async run(context, [word = 'MicroVM', given], options) {
    const client = openClient(context)
    if (word === 'all') return getAll(context, client, given, options)
    const target = word.includes('/') ? parseTarget(word) : { kind: kindOfWord(word), name: given }
    const { kind, name } = target
    if (options.watch) return watchTable(context, client, kind, name, options)
    if (name === undefined) {
      const objects = await client.objects({ kind: kind.kind, namespace: scoped(kind, options.namespace) })
      return print(context, [{ kind, objects }], options)
    }
    const object = await findOne(client, kind, name, options.namespace)
    if (options.output === 'json' || options.output === 'yaml') context.out(asText(object, options.output))
    else print(context, [{ kind, objects: [object] }], options)
    return 0
  },
}

interface Group {
  readonly kind: Kind
  readonly objects: readonly ShownObject[]
}

async function getAll(context: Context, client: Client, name: string | undefined, options: GetOptions) {
  if (name !== undefined) throw new Failure('all takes no name; name a kind too: moorage get KIND NAME')
  if (options.watch) throw new Failure('all cannot be watched; name a kind: moorage get KIND -w')
  const objects = await client.objects({ namespace: options.namespace })
  const groups = KINDS.map((kind) => ({ kind, objects: objects.filter((one) => one.kind === kind.kind) }))
  return print(
    context,
    groups.filter((group) => group.objects.length > 0),
    options,
  )
}

function print(context: Context, groups: readonly Group[], options: GetOptions): number {
  const { output } = options
  const all = groups.flatMap(({ objects }) => objects)
  if (output === 'json' || output === 'yaml') context.out(asText(listOf(all), output))
  else if (output === 'name') {
    for (const { kind, objects } of groups) for (const one of objects) context.out(`${resourceName(kind, one)}\n`)
  } else if (all.length === 0) context.note(nothing(groups, options))
  else context.out(groups.map((group) => tableOf(group, context.clock.now(), options)).join('\n'))
  return 0
}

function tableOf({ kind, objects }: Group, now: number, { output, namespace }: GetOptions): string {
  const namespaces = namespace === undefined && needsNamespaces(objects)
  const style = { wide: output === 'wide', namespaces, now }
  return table([headOf(kind, style), ...objects.map((one) => rowOf(kind, one, style))])
}

function asText(value: unknown, output: 'json' | 'yaml'): string {
  return output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : asYaml(value)
}

function nothing([group]: readonly Group[], { namespace }: GetOptions): string {
  const what = group === undefined ? 'objects' : `${group.kind.kind} objects`
  return `There are no ${what}${namespace === undefined ? '' : ` in namespace ${namespace}`}.`
}
