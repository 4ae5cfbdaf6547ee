import { checkObject } from '../api/check.ts'
import type { AnyObject } from '../api/kinds.ts'
import { isMap } from '../api/rule.ts'
import { sameObject } from '../source/identity.ts'
import { RefusedError } from '../source/objects.ts'
import type { Accepted } from '../source/source.ts'
import { FileError } from '../world/files.ts'
import type { Controlled } from './control.ts'
import { ControlRefusal } from './control-refusal.ts'
import { untilSeen } from './control-until.ts'
import type { Applied, Deleted } from './control-wire.ts'

/** Objects, or keys, in one request. */
const most = 5000

/** Makes or updates machine-made objects: all of them, or a {@link ControlRefusal}. */
export async function applyObjects(controller: Controlled, body: string, signal: AbortSignal): Promise<Applied> {
  const objects = listIn(body, 'objects').map(objectOf)
  const before = new Map(controller.last?.source.objects.map((accepted) => [accepted.key, accepted]))
  const accepted = await controller.put(objects, signal).catch(refuse)
  controller.wakeups.wake('apply')
  const wanted = new Map(accepted.map((one) => [one.key, one]))
  await untilSeen(controller, () => isSeen(controller, wanted), signal)
  return { results: accepted.map((one) => ({ key: one.key, result: resultOf(before.get(one.key), one) })) }
}

/** Deletes by name; what a manifest still speaks of is refused. */
export async function deleteObjects(controller: Controlled, body: string, signal: AbortSignal): Promise<Deleted> {
  const keys = listIn(body, 'keys').map((key) => {
    if (typeof key === 'string') return key
    throw new ControlRefusal(400, 'keys must be texts such as MicroVM/default/slot1')
  })
  const refusals = await controller.delete(keys, signal).catch(refuse)
  controller.wakeups.wake('delete')
  const refused = new Set(refusals.map(({ key }) => key))
  const gone = keys.filter((key) => !refused.has(key))
  await untilSeen(controller, () => gone.every((key) => isGoing(controller, key)), signal)
  return { refusals }
}

function listIn(body: string, name: string): readonly unknown[] {
  const value = parsed(body)
  const list = isMap(value) ? value[name] : undefined
  if (!Array.isArray(list)) throw new ControlRefusal(400, `the body must be JSON with a list ${name}`)
  if (list.length > most) throw new ControlRefusal(413, `at most ${most} ${name} at a time; send the rest apart`)
  return list
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    // Not the parser's own words: they quote the body, which may hold a Secret.
    return undefined
  }
}

function objectOf(value: unknown, index: number): AnyObject {
  const { status: _, ...wanted } = isMap(value) ? value : {}
  const checked = checkObject(wanted)
  if ('object' in checked) return checked.object
  throw new ControlRefusal(400, `objects[${index}]: ${checked.faults[0]?.message ?? 'not an object'}`)
}

function refuse(error: unknown): never {
  if (error instanceof RefusedError) throw new ControlRefusal(409, error.message)
  if (error instanceof FileError) throw new ControlRefusal(507, `nothing was written down: ${error.message}`)
  throw error
}

function resultOf(before: Accepted | undefined, now: Accepted): Applied['results'][number]['result'] {
  if (before?.uid !== now.uid) return 'created'
  return sameObject(before.object, now.object) ? 'unchanged' : 'configured'
}

function isSeen({ last }: Controlled, wanted: ReadonlyMap<string, Accepted>): boolean {
  const seen = new Map(last?.source.objects.map((one) => [one.key, one]))
  return [...wanted].every(([key, one]) => {
    const found = seen.get(key)
    return found?.uid === one.uid && found.generation >= one.generation
  })
}

function isGoing({ last }: Controlled, key: string): boolean {
  const found = last?.source.objects.find((one) => one.key === key)
  return found === undefined || found.deletion !== null
}
