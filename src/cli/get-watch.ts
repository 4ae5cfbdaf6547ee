import type { Kind } from '../api/kinds.ts'
import type { ShownObject } from '../controller/control-wire.ts'
import type { Client } from './client.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import type { GetOptions } from './get.ts'
import { headOf, needsNamespaces, resourceName, rowOf, type TableStyle } from './show.ts'
import { line, widthsOf } from './table.ts'
import { scoped } from './target.ts'

/** Prints what is there and then each object that changes, until somebody ends it or the controller ends. */
export async function watchTable(
  context: Context,
  client: Client,
  kind: Kind,
  name: string | undefined,
  options: GetOptions,
): Promise<number> {
  const query = { kind: kind.kind, name, namespace: scoped(kind, options.namespace) }
  const printer = printerOf(context, kind, options)
  let first: ShownObject[] | null = []
  for await (const event of client.watch(query, new AbortController().signal)) {
    if (event.type === 'BOOKMARK') {
      printer.begin(first ?? [])
      first = null
    } else if (first !== null) first.push(event.object)
    else printer.add(event.object, event.type === 'DELETED')
  }
  throw new Failure('the controller ended; look at its log')
}

interface Printer {
  begin(objects: readonly ShownObject[]): void
  add(object: ShownObject, deleted: boolean): void
}

function printerOf(context: Context, kind: Kind, { output, namespace }: GetOptions): Printer {
  if (output === 'table' || output === 'wide') return tablePrinter(context, kind, output === 'wide', namespace)
  if (output === 'yaml') throw new Failure('a watch is no YAML document; use -o json, which prints one object a line')
  const add = (object: ShownObject) =>
    context.out(`${output === 'json' ? JSON.stringify(object) : resourceName(kind, object)}\n`)
  return {
    begin(objects) {
      for (const object of objects) add(object)
    },
    add,
  }
}

function tablePrinter(context: Context, kind: Kind, wide: boolean, namespace: string | undefined): Printer {
  let namespaces = false
  let widths: readonly number[] = []
  const style = (): TableStyle => ({ wide, namespaces, now: context.clock.now() })
  const print = (row: readonly string[]) => context.out(`${line(row, widths)}\n`)
  return {
    begin(objects) {
      namespaces = namespace === undefined && needsNamespaces(objects)
      const rows = [headOf(kind, style()), ...objects.map((object) => rowOf(kind, object, style()))]
      widths = widthsOf(rows)
      for (const row of rows) print(row)
    },
    add(object, deleted) {
      const row = rowOf(kind, object, style())
      print(deleted ? [...row, '(deleted)'] : row)
    },
  }
}
