import type { AnyObject } from '../api/kinds.ts'
import { API_VERSION } from '../api/meta.ts'
import type { Accepted } from '../source/source.ts'

/** What has to be written down before anything can be resolved. */
export interface Chores {
  /** States that a template creates, since nobody wrote them. */
  readonly put: readonly AnyObject[]
  /** Keys of operations whose time is over. */
  readonly remove: readonly string[]
}

/** Pure: what the objects themselves ask for. */
export function chores(objects: readonly Accepted[], now: number): Chores {
  const keys = new Set(objects.map((object) => object.key))
  const put: AnyObject[] = []
  const remove: string[] = []
  for (const { object, deletion, createdAt, key } of objects) {
    if (deletion) continue
    if (object.kind === 'MicroVMOperation' && now > createdAt + object.spec.ttlSeconds * 1000) remove.push(key)
    if (object.kind !== 'MicroVM') continue
    const { namespace } = object.metadata
    for (const template of object.spec.stateTemplates ?? []) {
      const name = object.spec.disks?.find((disk) => disk.name === template.disk)?.state?.name
      const wanted = `MicroVMState/${namespace}/${name}`
      if (name === undefined || keys.has(wanted)) continue
      keys.add(wanted)
      put.push({ apiVersion: API_VERSION, kind: 'MicroVMState', metadata: { name, namespace }, spec: template.spec })
    }
  }
  return { put, remove }
}
