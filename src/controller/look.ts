import type { MachineHost, ReadinessOf } from '../host/machine-host.ts'
import type { VolumeHost } from '../host/volume.ts'
import type { Observed } from '../host-state.ts'
import type { HostFeatures } from '../hypervisor/driver.ts'
import type { Ledger } from '../ledger.ts'
import { plan } from '../plan/plan.ts'
import type { ResolveInput, Settings } from '../resolve/input.ts'
import type { Resolved } from '../resolve/resolve.ts'
import type { SourceView } from '../source/source.ts'
import type { World } from '../world/world.ts'
import type { Backoff } from './backoff.ts'
import type { Executor } from './executor.ts'
import type { FactReader } from './facts.ts'
import type { LedgerStore } from './ledger.ts'
import { rebuild, rebuildUsers } from './rebuild.ts'
import type { PassView } from './status/view.ts'

export interface LookDeps {
  readonly world: World
  readonly ledger: LedgerStore
  readonly machines: MachineHost
  readonly volumes: VolumeHost
  readonly facts: FactReader
  readonly features: () => HostFeatures
  readonly settings: Settings
  readonly nodeName: string
  readonly resolve: (input: ResolveInput) => Resolved
  readonly executor: Pick<Executor, 'inFlight' | 'mark'>
  readonly backoff: Backoff
  /** Everything that is wanted, from every source. */
  readonly list: (signal: AbortSignal) => Promise<SourceView>
}

/** What one look found and what it would do; nothing was changed. */
export interface Look {
  readonly source: SourceView
  readonly view: PassView
  /** For {@link Executor.submit}. */
  readonly mark: number
  /** The ledger that `view.ledger` came of. */
  readonly base: Ledger
}

/** Reads what is wanted and what is there, and plans. The one way to a plan: `moorage plan` takes it too. */
export async function look(deps: LookDeps, signal: AbortSignal): Promise<Look> {
  const { world, ledger, facts, settings } = deps
  const mark = deps.executor.mark()
  const { source, observed } = await observe(deps, signal)
  const base = ledger.current
  const known = rebuildUsers(rebuild(base, observed.machines), source.objects, observed.links, settings.users)
  const found = await facts.read(source.objects, signal)
  const now = world.clock.now()
  const resolved = deps.resolve({
    objects: source.objects,
    ledger: known,
    images: found.images,
    credentials: found.credentials,
    features: deps.features(),
    settings,
    now,
  })
  const view: PassView = {
    ...resolved,
    observed,
    plan: plan(resolved.state, observed, resolved.ledger, now),
    facts: found,
    failures: deps.backoff.failures,
    nodeName: deps.nodeName,
    hypervisorVersion: deps.features().programs['qemu-system-x86_64']?.version ?? null,
    now,
    time: new Date(now).toISOString(),
  }
  return { source, view, mark, base }
}

async function observe(
  { world, machines, volumes, ledger, executor, list, settings }: LookDeps,
  signal: AbortSignal,
): Promise<{ readonly source: SourceView; readonly observed: Observed }> {
  // Before anything is looked at: an operation that ends meanwhile is still told, and its effect seen in the next pass.
  const inFlight = executor.inFlight()
  const [source, net, kept] = await Promise.all([list(signal), world.net.dump(signal), volumes.observe(signal)])
  const known = rebuildUsers(ledger.current, source.objects, net.links, settings.users)
  const seen = await machines.observe(known.machines, net.links, readinessIn(source), signal)
  return { source, observed: { ...net, bootId: world.process.bootId(), machines: seen, volumes: kept, inFlight } }
}

function readinessIn({ objects }: SourceView): ReadinessOf {
  const probes = new Map(
    objects.flatMap(({ uid, object }) =>
      object.kind === 'MicroVM' && object.spec.readiness ? [[uid, object.spec.readiness]] : [],
    ),
  )
  return (uid) => probes.get(uid) ?? null
}
