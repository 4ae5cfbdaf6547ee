import type { Fields } from '../../host/stage-manifests.ts'
import { Dice } from '../random.ts'
import type { Stage } from '../stage.ts'
import { baseObjects, type subjects } from './base.ts'
import { type Edits, objectsWith } from './edits.ts'
import { differences, held, unready } from './exceptions.ts'
import { differencesOf, type Portrait, portraitOf, stalledOf } from './portrait.ts'
import { openScene, put, rest } from './scene.ts'

/** A host that had its manifests from the beginning. */
interface Fresh {
  readonly portrait: Portrait
  readonly broken: string | null
}

/** Hosts that were made for comparison, by their manifests. */
export class FreshHosts {
  readonly #made = new Map<string, Promise<Fresh>>()

  of(objects: readonly Fields[]): Promise<Fresh> {
    const key = JSON.stringify(objects)
    const known = this.#made.get(key)
    if (known) return known
    const made = this.#make(objects, this.#made.size)
    this.#made.set(key, made)
    return made
  }

  async #make(objects: readonly Fields[], number: number): Promise<Fresh> {
    const { stage, broken } = await openScene(`fresh ${number}`, objects)
    const found = { portrait: portraitOf(stage.host), broken }
    stage.end()
    return found
  }
}

/** What was done with a field, and what came of it that should not. */
export interface Done {
  operations: number
  deaths: number
  violations: string[]
}

/** Gives a field one value after the other and at last its own again; after each the host must be as a fresh one. */
export async function change({ field, valid }: Edits, fresh: FreshHosts): Promise<Done> {
  const done: Done = { operations: 0, deaths: 0, violations: [] }
  if (valid.length === 0) return done
  const kind = field.kind as keyof typeof subjects
  const values = valid.map(({ what, object }) => ({ what, objects: objectsWith(kind, object) }))
  let stage: Stage | null = null
  for (const { what, objects } of [...values, { what: 'as before', objects: baseObjects() }]) {
    stage ??= (await openScene(`${field.path} ${done.operations}`, baseObjects())).stage
    done.operations += 1
    const violation = await judge(stage, field.path, objects, await fresh.of(objects))
    if (violation === null) continue
    done.violations.push(`${field.path} ${what}: ${violation}`)
    stage.end()
    stage = null
  }
  if (stage) for (const sentence of stage.end()) done.violations.push(`${field.path}: ${sentence}`)
  return done
}

/** Effects within which the controller dies: a note has ten of them, a restart some hundred. */
const latest = [8, 8, 40, 100]

/** Gives a field one of its values, drawn by its name, while the controller dies somewhere in it and comes again. */
export async function changeAndDie({ field, valid }: Edits, fresh: FreshHosts): Promise<Done> {
  const done: Done = { operations: 0, deaths: 0, violations: [] }
  if (valid.length === 0) return done
  const dice = new Dice(field.path)
  const { what, object } = dice.pick(valid)
  const objects = objectsWith(field.kind as keyof typeof subjects, object)
  const { stage } = await openScene(`${field.path} dies`, baseObjects())
  stage.faulty = true
  const fate = dice.pick(['before', 'during', 'after'] as const)
  let left = dice.below(dice.pick(latest))
  stage.host.hooks.fate = () => (left-- === 0 ? fate : 'lives')
  done.operations += 1
  const violation = await judge(stage, field.path, objects, await fresh.of(objects))
  done.deaths += stage.host.lives - 1
  if (violation !== null) done.violations.push(`${field.path} ${what}, with a death: ${violation}`)
  stage.end()
  return done
}

async function judge(stage: Stage, field: string, objects: readonly Fields[], wanted: Fresh): Promise<string | null> {
  const { host } = stage
  const [before, known] = [host.process.spawned.length, incarnations(stage)]
  put(stage, objects)
  const restless = await rest(stage)
  const isKnown = (says: string) => unready.some((one) => one.field.test(field) && one.says.test(says))
  if (restless !== null && !isKnown(restless)) return restless
  const started = host.process.spawned.slice(before).map(({ name }) => name)
  if (!stage.faulty && new Set(started).size < started.length) return `I9: started were ${started.join()}`
  const others = started.filter((name) => field.startsWith('MicroVM.') && /^default\.[bcm]$/.test(name))
  if (others.length > 0) return `I9: ${others.join()} was started for it`
  const stalled = stalledOf(host)
  if (stalled.size > 0) return judgeHeld(stage, field, stalled, known)
  const [first] = differencesOf(wanted.portrait, portraitOf(host)).filter(
    (one) => !differences.some(({ field: pattern, part }) => pattern.test(field) && part.test(one)),
  )
  if (first !== undefined) return first
  return wanted.broken === null || isKnown(wanted.broken) ? null : `a fresh one: ${wanted.broken}`
}

/** What cannot be carried out is told in the words that are known for it, and of it nothing that runs is touched. */
function judgeHeld(
  stage: Stage,
  field: string,
  stalled: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, string>,
): string | null {
  const untold = [...stalled].find(([, says]) => !held.some((one) => one.field.test(field) && one.says.test(says)))
  if (untold) return untold.join(' is stalled: ')
  const now = incarnations(stage)
  const names = [...stalled.keys()].map((key) => key.split('/').slice(1).join('.'))
  const touched = names.filter((name) => known.has(name) && now.get(name) !== known.get(name))
  return touched.length > 0 ? `refused, and ${touched.join()} was touched` : null
}

/** The VMM of each VM. */
function incarnations({ host }: Stage): ReadonlyMap<string, string> {
  return new Map(host.process.vmms().map(({ name, pid, spec }) => [name, `${pid} ${spec.directory}`]))
}
