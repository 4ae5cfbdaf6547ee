import type { Link, ObservedMachine } from '../../host-state.ts'
import type { MachineRecord } from '../../ledger.ts'
import { atMost } from '../../world/at-most.ts'
import type { ProcessIdentity } from '../../world/process.ts'
import type { Kept, MachineContext, ReadinessOf } from './context.ts'
import type { DetachedNics } from './detached.ts'
import { keep } from './keep.ts'
import { endOf, phaseOf, type Vitals } from './phase.ts'
import type { Prober } from './probe.ts'
import { foldersOf, idOf } from './runtime.ts'
import { listVmms } from './vmm.ts'

export type Records = Readonly<Record<string, MachineRecord>>

/** How long a VMM may take to greet on QMP before it counts as crashed, milliseconds. */
const greetingTimeout = 120_000

/** Machines on one host; a uid range is smaller. */
const mostMachines = 20_000

/** What looking needs besides the context. */
export interface Watchers {
  readonly detached: DetachedNics
  readonly prober: Prober
}

/** See MachineHost.observe. While nothing happens this lists one folder and touches nothing else. */
export async function observe(
  context: MachineContext,
  watchers: Watchers,
  records: Records,
  links: readonly Link[],
  readinessOf: ReadinessOf,
  signal: AbortSignal,
): Promise<readonly ObservedMachine[]> {
  const ids = await listIds(context)
  signal.throwIfAborted()
  const kept = await Promise.all(ids.map(async (id) => context.kept.get(id) ?? keep(context, id)))
  const stale = kept.filter(({ starting, session }) => !starting && !session.fresh)
  // Each dials, and a thousand greetings at once would take a lot of memory.
  await atMost(64, stale, ({ session }) => session.refresh())
  const known = kept.flatMap((one) => {
    const who = identify(one, records)
    return who ? [{ ...who, kept: one }] : []
  })
  const strays = straysOf(records, new Set(ids))
  const vmms = await findVmms(context, known, strays)
  const byName = new Map(links.map((link) => [link.name, link]))
  return [
    ...known.map((one) => {
      const described = describe(watchers, asOfNow(context, one), byName, readinessOf, vmms.get(one.user) ?? [])
      return isLate(context, one.kept, described) ? { ...described, late: true as const } : described
    }),
    ...strays.flatMap(([uid, record]) => describeStray(uid, record, vmms.get(record.user) ?? [])),
  ]
}

/** Folders of machines; one that begins with a dot is being made. Those that are gone are let go of. */
async function listIds(context: MachineContext): Promise<readonly string[]> {
  const { vms } = foldersOf(context.paths.run)
  const { files } = context.world
  const entries = (await files.stat(vms)) ? await files.list(vms, mostMachines) : []
  const ids = entries.filter(({ name, type }) => type === 'directory' && !name.startsWith('.')).map(({ name }) => name)
  const there = new Set(ids)
  for (const { id, session, starting } of [...context.kept.values()]) {
    if (there.has(id) || starting) continue
    session.close()
    context.kept.delete(id)
  }
  return ids
}

/** One that was started anew while it was looked at: what the one before it said is not true of this one. */
function asOfNow(context: MachineContext, one: Known): Known {
  return { ...one, kept: context.kept.get(one.kept.id) ?? one.kept }
}

interface Known extends Pick<ObservedMachine, 'uid' | 'owner' | 'user'> {
  readonly kept: Kept
}

/** Whose a folder is: as it says itself, else as a record with its name says; null when nobody knows. */
function identify({ id, file }: Kept, records: Records): Omit<Known, 'kept'> | null {
  if (file) return { uid: file.uid, owner: file.owner, user: file.user }
  const found = Object.entries(records).find(([uid]) => idOf(uid) === id)
  return found ? { uid: found[0], owner: found[1].ref, user: found[1].user } : null
}

/**
 * Machines that should be there, by what was written down, and have no folder; and those that are about to start for the
 * first time: perhaps it is only that nobody knows any more that they did.
 */
function straysOf(records: Records, ids: ReadonlySet<string>): [string, MachineRecord][] {
  return Object.entries(records).filter(([uid, { started, power }]) => {
    const mayRun = started === null ? power.wish === 'on' : started.ended === null
    return mayRun && !ids.has(idOf(uid))
  })
}

/** VMMs by uid, of machines whose life socket says nothing or whose process is not known yet. */
async function findVmms(
  context: MachineContext,
  known: readonly Known[],
  strays: readonly [string, MachineRecord][],
): Promise<ReadonlyMap<number, readonly ProcessIdentity[]>> {
  const asked = known.filter(({ kept }) => !kept.starting && (!kept.session.vitals.alive || !kept.process))
  const found = await listVmms(context, [
    ...asked.map(({ user, kept }) => ({ user, file: kept.file, stray: false })),
    ...strays.map(([, { user }]) => ({ user, file: null, stray: true })),
  ])
  for (const { user, kept } of asked) kept.process = found.get(user)?.[0] ?? null
  return found
}

function describe(
  { detached, prober }: Watchers,
  { kept, uid, owner, user }: Known,
  links: ReadonlyMap<string, Link>,
  readinessOf: ReadinessOf,
  vmms: readonly ProcessIdentity[],
): ObservedMachine {
  const { session, file, starting, id } = kept
  // A life socket that was unlinked says nothing of the VMM that still holds it.
  const vitals: Vitals = { ...session.vitals, alive: session.vitals.alive || vmms.length > 0 }
  const phase = starting ? 'Starting' : phaseOf(vitals)
  const runs = phase === 'Running'
  const nics = file?.nics ?? []
  const address = file?.started.carried.addresses[nics[0]?.name ?? ''] ?? null
  return {
    uid,
    id,
    owner,
    user,
    phase,
    started: file?.started ?? null,
    ready: prober.isReady(kept, readinessOf(uid), runs, address),
    end: endOf(phase, vitals),
    resets: vitals.journal.resets,
    ...(vitals.journal.askedAt !== null && { asked: true as const }),
    pid: phase === 'Gone' ? null : (kept.process?.pid ?? null),
    detachedNics: runs || phase === 'Paused' ? detachedOf(detached, kept, uid, links) : [],
  }
}

/** Nobody of ours is at it, and it was held for so long: whoever set the wall clock meanwhile ends no VM. */
function isLate({ world }: MachineContext, { starting, since }: Kept, { phase }: ObservedMachine): boolean {
  return phase === 'Starting' && !starting && world.clock.monotonic() - since > greetingTimeout
}

function detachedOf(
  detached: DetachedNics,
  { file, unplugged }: Kept,
  uid: string,
  links: ReadonlyMap<string, Link>,
): readonly string[] {
  const nics = file?.nics ?? []
  const dark = detached.of(uid, nics, links)
  const halfWay = nics.filter(({ name, tap }) => unplugged.has(name) && !dark.includes(name) && links.get(tap)?.up)
  return [...dark, ...halfWay.map(({ name }) => name)]
}

/** A VMM whose runtime folder somebody removed: it runs, and nobody can talk to it. */
function describeStray(uid: string, record: MachineRecord, vmms: readonly ProcessIdentity[]): ObservedMachine[] {
  const [vmm] = vmms
  if (!vmm) return []
  const { ref: owner, user, started } = record
  const none = { ready: false, end: null, resets: 0, detachedNics: [] }
  return [{ uid, id: idOf(uid), owner, user, phase: 'Stuck', started, pid: vmm.pid, stray: true, ...none }]
}
