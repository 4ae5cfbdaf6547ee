import type { Fields } from '../../host/stage-manifests.ts'
import { paths } from '../host.ts'
import type { Effect } from '../mortal.ts'
import type { Stage } from '../stage.ts'
import { baseObjects, type subjects } from './base.ts'
import type { Done } from './change.ts'
import { type Edit, type Edits, objectsWith } from './edits.ts'
import { differencesOf, type Portrait, portraitOf } from './portrait.ts'
import { openScene, put } from './scene.ts'

/** Virtual milliseconds in which a manifest is read, refused and told. */
const moment = 400

/** Gives a field each value that it may not have, and takes it back: it is refused by name, and nothing else happens. */
export async function refuse({ field, invalid }: Edits): Promise<Done> {
  const done: Done = { operations: 0, deaths: 0, violations: [] }
  if (invalid.length === 0) return done
  let scene = await open(`${field.path} bad`)
  for (const edit of invalid) {
    done.operations += 1
    const violation = await judge(scene.stage, edit, edit === invalid[0])
    if (violation === null) continue
    done.violations.push(`${field.path} ${edit.what}: ${violation}`)
    scene.stage.end()
    scene = await open(`${field.path} ${done.operations}`)
  }
  const [other] = differencesOf(scene.before, portraitOf(scene.stage.host))
  if (other) done.violations.push(`${field.path}: after its last revert ${other}`)
  for (const sentence of scene.stage.end()) done.violations.push(`${field.path}: ${sentence}`)
  return done
}

async function open(name: string): Promise<{ readonly stage: Stage; readonly before: Portrait }> {
  const { stage } = await openScene(name, baseObjects())
  return { stage, before: portraitOf(stage.host) }
}

async function judge(stage: Stage, { field, object }: Edit, isFirst: boolean): Promise<string | null> {
  const { host } = stage
  const bad = objectsWith(field.kind as keyof typeof subjects, object)
  const touches: string[] = []
  host.hooks.fate = (effect) => {
    if (isTouch(effect)) touches.push(`${effect.name} ${effect.about}`)
    return 'lives'
  }
  put(stage, bad)
  await stage.pass(moment)
  host.hooks.fate = () => 'lives'
  const said = host.controller?.last?.source.problems.map(({ message }) => message) ?? []
  const names = namesOf(field.steps, field.kind)
  if (said.length === 0) return 'it is not refused'
  if (!said.some((sentence) => names.some((name) => sentence.includes(name))))
    return `the refusal does not name ${names.join(' of ')}: ${said.join('; ')}`
  if (touches.length > 0) return `refused, and then ${touches[0]}`
  const waits = isFirst ? await neighbor(stage, bad) : null
  if (waits !== null) return waits
  put(stage, baseObjects())
  await stage.pass(moment)
  const left = host.controller?.last?.source.problems.map(({ message }) => message) ?? []
  if (left.length > 0) return `after its revert it is still told: ${left.join('; ')}`
  return stage.broken[0] ?? null
}

/** What stands beside a bad object is carried out at once. */
async function neighbor(stage: Stage, bad: readonly Fields[]): Promise<string | null> {
  const { net } = stage.host
  const has = () => net.rules().sets.masquerade.includes('10.2.0.0/24')
  const changed = (nat: boolean) =>
    bad.map((one) => (isOther(one) ? { ...one, spec: { ...(one.spec as object), nat } } : one))
  put(stage, changed(true))
  await stage.pass(moment)
  if (!has()) return 'I12: its neighbor waits for it'
  put(stage, changed(false))
  await stage.pass(moment)
  return has() ? 'I12: its neighbor waits for it' : null
}

function isOther({ kind, metadata }: Fields): boolean {
  return kind === 'MicroVMNetwork' && (metadata as { name?: unknown } | undefined)?.name === 'n2'
}

/** Whether anything but notes and statuses is changed. */
function isTouch({ name, about }: Effect): boolean {
  if (name === 'stream.write') return !/"execute":"(query-|qmp_capabilities)/.test(about)
  if (!name.startsWith('files.')) return true
  return ![paths.index, paths.status, paths.secrets, paths.objects].some((folder) => about.startsWith(folder))
}

/** How a sentence calls a field: it, or what must have it. */
function namesOf(steps: readonly string[], kind: string): readonly string[] {
  return [kind, ...steps.filter((step) => /^\w+$/.test(step))].slice(-2).toReversed()
}
