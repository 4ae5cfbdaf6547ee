import type { Logger } from 'pino'
import { type Condition, getCondition } from '../api/conditions.ts'
import type { Controller } from '../controller/controller.ts'
import type { Pass } from '../controller/reconcile.ts'
import { problemText } from '../source/problem-text.ts'
import type { Stop } from '../world/watch.ts'
import { whose } from './plan-text.ts'

/** Something that is so for a while, and is told when it begins and when it ends. */
interface Told {
  readonly level: 'warn' | 'info'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** Tells of what changed from pass to pass, and only of that; a problem that stays is told once. */
export function narrate(controller: Pick<Controller, 'last' | 'onPass' | 'statuses'>, log: Logger): Stop {
  let before: ReadonlyMap<string, Told> = new Map()
  let ready: ReadonlyMap<string, Condition> | null = null
  return controller.onPass(({ error }) => {
    if (error !== null || controller.last === null) return
    const now = toldOf(controller.last)
    for (const [id, told] of now) if (!before.has(id)) log[told.level](told.fields, told.message)
    for (const [id, told] of before) if (!now.has(id)) log.info({ ...told.fields, was: told.message }, 'over')
    before = now
    const next = readyOf(controller)
    tellReady(log, ready, next)
    ready = next
  })
}

/** What is wrong, refused or waited for, by an id that stays while its words may change. */
export function toldOf({ source, view }: Pick<Pass, 'source' | 'view'>): ReadonlyMap<string, Told> {
  const told = new Map<string, Told>()
  for (const problem of source.problems.map(problemText)) {
    told.set(`problem ${problem}`, { level: 'warn', message: 'a manifest is not as it should be', fields: { problem } })
  }
  if (source.hold !== null) {
    told.set(`hold ${source.hold}`, {
      level: 'warn',
      message: 'nothing is taken as deleted',
      fields: { why: source.hold },
    })
  }
  for (const refusal of [...view.refusals, ...view.plan.refusals]) {
    const fields = { object: whose(refusal), reason: refusal.reason, why: refusal.message }
    told.set(`refusal ${fields.object} ${refusal.message}`, { level: 'warn', message: 'refused', fields })
  }
  for (const wait of view.plan.waits) {
    const fields = { object: whose(wait), reason: wait.reason, why: wait.message }
    told.set(`wait ${fields.object} ${wait.reason}`, { level: 'info', message: 'waiting', fields })
  }
  return told
}

function readyOf({ last, statuses }: Pick<Controller, 'last' | 'statuses'>): ReadonlyMap<string, Condition> {
  const machines = (last?.source.objects ?? []).filter(({ ref }) => ref.kind === 'MicroVM')
  return new Map(
    machines.flatMap(({ key, ref }) => {
      const conditions = statuses.current.get(key)?.conditions as readonly Condition[] | undefined
      const ready = getCondition(conditions ?? [], 'Ready')
      return ready ? [[whose({ owner: ref }), ready]] : []
    }),
  )
}

function tellReady(
  log: Logger,
  before: ReadonlyMap<string, Condition> | null,
  now: ReadonlyMap<string, Condition>,
): void {
  if (before === null) {
    const ready = [...now.values()].filter(({ status }) => status === 'True').length
    log.info({ microvms: now.size, ready }, 'the first pass is done')
    return
  }
  for (const [object, { status, reason, message }] of now) {
    const old = before.get(object)
    if (old?.status === status && old.reason === reason) continue
    log.info({ object, ready: status, reason, why: message }, 'a MicroVM is in another state')
  }
  for (const object of before.keys()) if (!now.has(object)) log.info({ object }, 'a MicroVM is gone')
}
