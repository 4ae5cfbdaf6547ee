import { keyOfRef } from '../api/meta.ts'
import type { Accepted } from '../source/source.ts'
import type { Controlled } from './control.ts'
import { shownObject } from './control-object.ts'
import { ControlRefusal } from './control-refusal.ts'
import type { About } from './control-wire.ts'
import { concernsOf } from './status/view.ts'

/** Everything the last pass knows of one object. */
export function aboutObject({ last, statuses, events }: Controlled, key: string): About {
  const accepted = last?.source.objects.find((one) => one.key === key)
  if (!last || !accepted) throw new ControlRefusal(404, `there is no ${key}`)
  const { actions, refusals, waits, failures } = concernsOf(last.view)(keyOfRef(accepted.ref))
  return {
    object: shownObject(accepted, statuses.current.get(key)),
    origin: originOf(accepted),
    newer: accepted.newer,
    events: events.of(key),
    actions: actions.map(({ id, because }) => `${id}: ${because}`),
    refusals: refusals.map(({ message }) => message),
    waits: waits.map(({ message }) => message),
    failures: failures.map(({ error }) => error),
  }
}

function originOf({ origin }: Accepted): string | null {
  if ('cluster' in origin) return origin.cluster
  return 'machine' in origin ? null : `${origin.file}:${origin.line}`
}
