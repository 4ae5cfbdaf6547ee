import type { Column, Kind } from '../api/kinds.ts'
import type { ShownObject } from '../controller/control-wire.ts'
import { shortDuration } from './duration.ts'
import { atJsonPath } from './json-path.ts'

/** How a table is laid out. */
export interface TableStyle {
  readonly wide: boolean
  readonly namespaces: boolean
  /** Milliseconds since the epoch, for ages. */
  readonly now: number
}

/** The head of a table of one kind. */
export function headOf(kind: Kind, style: TableStyle): readonly string[] {
  const names = columnsOf(kind, style).map(({ name }) => name.toUpperCase())
  return [...(style.namespaces ? ['NAMESPACE'] : []), 'NAME', ...names]
}

/** The row of an object; what it does not say is a dash. */
export function rowOf(kind: Kind, object: ShownObject, style: TableStyle): readonly string[] {
  const { name, namespace } = object.metadata
  const cells = columnsOf(kind, style).map((column) => cellOf(column, object, style.now))
  return [...(style.namespaces ? [namespace || '-'] : []), name, ...cells]
}

/** Whether a table needs the column of namespaces. */
export function needsNamespaces(objects: readonly ShownObject[]): boolean {
  return objects.some(({ metadata }) => metadata.namespace !== undefined && metadata.namespace !== 'default')
}

/** `microvm.moorage.dev/slot1`, as `-o name` prints it. */
export function resourceName(kind: Kind, { metadata }: ShownObject): string {
  const [group = ''] = kind.apiVersion.split('/')
  return `${kind.singular}${kind.apiVersion.includes('/') ? `.${group}` : ''}/${metadata.name}`
}

/** Objects as a `List`, which `moorage apply` and kubectl read. */
export function listOf(items: readonly ShownObject[]): unknown {
  return { apiVersion: 'v1', kind: 'List', metadata: {}, items }
}

function columnsOf(kind: Kind, { wide }: TableStyle): readonly Column[] {
  return kind.columns.filter(({ priority = 0 }) => wide || priority === 0)
}

function cellOf({ type, jsonPath }: Column, object: ShownObject, now: number): string {
  const value = atJsonPath(object, jsonPath)
  if (value === undefined || value === null || value === '') return '-'
  if (type !== 'date') return String(value)
  const at = Date.parse(String(value))
  return Number.isNaN(at) ? '-' : shortDuration(now - at)
}
