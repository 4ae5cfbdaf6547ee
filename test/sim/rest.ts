import type { SimHost } from './host.ts'

interface Shown {
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly reason: string
    readonly message: string
  }[]
}

/** The plan of the last pass is empty, nothing waits, nothing is under way, and every status says something lasting. */
export function isAtRest(host: SimHost): boolean {
  const last = host.controller?.last
  if (!last) return false
  const { plan, observed } = last.view
  if (plan.actions.length > 0 || plan.waits.length > 0 || last.source.hold !== null) return false
  if (observed.inFlight.length > 0) return false
  return [...host.controller!.statuses.current.values()].every((status) => isSettled(status as Shown))
}

/** Ready, or not ready for good. */
function isSettled(status: Shown): boolean {
  const ready = readyOf(status)
  return ready?.status !== 'False' || !/^(Progressing|NotReady|Starting|Waiting)$/.test(ready.reason)
}

function readyOf({ conditions }: Shown) {
  return conditions?.find(({ type }) => type === 'Ready')
}

/** Why it is not, for people. */
export function describe(host: SimHost): string {
  const last = host.controller?.last
  if (!last) return 'it has not looked'
  const { plan } = last.view
  return JSON.stringify({
    actions: plan.actions.map(({ id, because }) => `${id} (${because})`),
    waits: plan.waits.map(({ message }) => message),
    refused: plan.refusals.map(({ message }) => message),
    unready: [...host.controller!.statuses.current].flatMap(([key, status]) => {
      const ready = readyOf(status as Shown)
      return ready?.status === 'False' ? [`${key}: ${ready.reason}: ${ready.message}`] : []
    }),
    hold: last.source.hold,
    problems: last.source.problems.map(({ message }) => message),
  })
}
