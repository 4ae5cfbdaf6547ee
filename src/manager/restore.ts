import { getCondition } from '../api/conditions.ts'
import type { Host, Reported } from './cluster.ts'
import { type Draft, entry, type MachinePlan } from './draft.ts'
import { standingOf } from './fence.ts'

interface Report extends Reported {
  readonly node: string
  readonly live: boolean
}

/**
 * What the status of machines lost is taken from what hosts report, and nothing may be bound anew while a host may still
 * have something to report: it could be running just that.
 */
export function restore(draft: Draft): void {
  const hosts = draft.cluster.hosts.filter(({ ref }) => standingOf(draft, ref.name) !== 'fenced')
  draft.hold = hosts.flatMap((host) => unreported(draft, host))
  const reports = new Map<string, Report[]>()
  for (const { ref, machines } of hosts) {
    const live = standingOf(draft, ref.name) === 'live'
    for (const [uid, report] of machines ?? []) entry(reports, uid, () => []).push({ ...report, node: ref.name, live })
  }
  for (const plan of draft.plans) restoreOne(draft, plan, reports.get(plan.machine.uid) ?? [])
  restoreStates(draft)
}

function unreported({ cluster }: Draft, { ref, machines, conditions }: Host): string[] {
  const pulse = cluster.pulses.get(ref.name)
  if (pulse === undefined || pulse.is === 'silent') return []
  // It was silent before this manager began: what it said last still stands.
  const wasSilent = getCondition(conditions, 'Ready')?.reason === 'HostSilent'
  if (pulse.is === 'unheard') return wasSilent ? [] : [`${ref.name} was not heard yet`]
  return machines === null ? [`${ref.name} has not reported yet which VMs are on it`] : []
}

function restoreOne(draft: Draft, plan: MachinePlan, reports: readonly Report[]): void {
  const { machine } = plan
  const best = [...reports].sort((a, b) => byStrength(a, b, plan.bound?.node))[0]
  if (best === undefined) return
  if (plan.bound === null || best.epoch > plan.bound.epoch) {
    const epoch = Math.max(best.epoch, machine.epoch, 1)
    plan.because.push(`${best.node} has it, and its status does not say so`)
    plan.event = { type: 'Normal', reason: 'Restored', note: `Found on ${best.node}` }
    plan.bound = { node: best.node, epoch }
  }
  for (const { node } of reports) {
    if (node === plan.bound.node) continue
    draft.told.push({ ref: machine.ref, message: `it is bound to ${plan.bound.node}, and ${node} has it too` })
  }
  const there = reports.find(({ node }) => node === plan.bound?.node)
  const names = new Set(machine.interfaces.map(({ name }) => name))
  const lost = [...(there?.addresses ?? [])].filter(([name]) => names.has(name) && !machine.addresses.has(name))
  if (lost.length > 0) plan.addresses = new Map([...machine.addresses, ...lost])
}

/** The latest binding first; of equals the one that the status names, one that lives, by name. */
function byStrength(a: Report, b: Report, node: string | undefined): number {
  const rank = (report: Report) => (report.node === node ? 0 : report.live ? 1 : 2)
  return b.epoch - a.epoch || rank(a) - rank(b) || (a.node < b.node ? -1 : 1)
}

/** A state is where its volume is; the volume says so when the state does not. */
function restoreStates({ cluster, states, stateNodes }: Draft): void {
  const volumes = new Map(cluster.volumes.map(({ state, node }) => [state.uid, node]))
  for (const [key, { node, uid }] of states) {
    const where = node ?? volumes.get(uid)
    if (where !== undefined && where !== null) stateNodes.set(key, where)
  }
}
