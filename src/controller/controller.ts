import type { Logger } from 'pino'
import { keyOf } from '../api/meta.ts'
import { machineHost } from '../host/machine-host.ts'
import { volumeHost } from '../host/volume.ts'
import type { HostFeatures } from '../hypervisor/driver.ts'
import type { RootIdentity } from '../ledger.ts'
import { DirectorySource } from '../source/directory.ts'
import type { Parse } from '../source/documents.ts'
import { RefusedError } from '../source/objects.ts'
import type { Accepted, OwnObjects, Source, SourceView } from '../source/source.ts'
import { newWakeups, type Wakeups } from '../world/wakeups.ts'
import type { Stop } from '../world/watch.ts'
import type { World } from '../world/world.ts'
import { newHands } from './act.ts'
import { newBackoff } from './backoff.ts'
import { chores } from './chores.ts'
import { type Config, usersOf } from './config.ts'
import { type Events, newEvents } from './events.ts'
import { newExecutor, type Outcome } from './executor.ts'
import { newFactReader } from './facts.ts'
import { openDigestKey } from './key.ts'
import { type LedgerStore, openLedger } from './ledger.ts'
import { type Look, type LookDeps, look } from './look.ts'
import type { Paths } from './paths.ts'
import { logOutcome, type Pass, reconcile } from './reconcile.ts'
import { openStatuses, type StatusStore } from './report.ts'
import { newResolver } from './resolver.ts'
import { newUidRecall, type Shown } from './uid-recall.ts'

export interface ControllerOptions {
  readonly world: World
  readonly paths: Paths
  readonly root: RootIdentity
  readonly config: Config
  /** Where objects come from: the watched directory, or a cluster, which is opened with what makes the loop look again. */
  readonly from: { readonly manifests: string } | { readonly cluster: (wake: () => void, bootId: string) => Source }
  readonly nodeName: string
  readonly features: HostFeatures
  /** Starts at a time. */
  readonly starts: number
  readonly log: Logger
  /** How manifests are read. Default: each text by itself. */
  readonly parse?: Parse
}

/** A controller of one root: everything that is wired once. It looks and acts only when asked to. */
export interface Controller {
  readonly source: Source
  readonly statuses: StatusStore
  readonly events: Events
  readonly ledger: LedgerStore
  readonly wakeups: Wakeups
  readonly options: ControllerOptions
  /** What the last pass found; null before the first. */
  readonly last: Pass | null
  /** Called after each pass and after each action. */
  onChange(listener: () => void): Stop
  /** Outcomes of all actions so far, for metrics. */
  onOutcome(listener: (outcome: Outcome) => void): Stop
  /** Called after each pass, failed ones too; not for one that was called back. */
  onPass(listener: (end: PassEnd) => void): Stop
  /** Looks and plans, and changes nothing. */
  look(signal: AbortSignal): Promise<Look>
  /** One pass. */
  pass(signal: AbortSignal): Promise<Pass>
  /** Passes, each when it is woken or due, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
  /** Resolves when no action is under way. */
  idle(): Promise<void>
  /** Makes and deletes objects of this host; refused where all of them come from a cluster. */
  readonly put: OwnObjects['put']
  readonly delete: OwnObjects['delete']
  /** Ends its own work; the VMs run on. */
  close(): Promise<void>
}

/** How a pass went. */
export interface PassEnd {
  /** Milliseconds it took. */
  readonly took: number
  readonly error: string | null
}

/**
 * Passes are this far apart at least, milliseconds: while nothing is under way; while something is, ten times what the
 * last one took, so that looking takes a tenth of what acting needs.
 */
const gaps = { calm: 10, busy: { least: 100, most: 1000, passes: 10 } }

export async function openController(options: ControllerOptions): Promise<Controller> {
  const { world, paths, root, config, log } = options
  const ledger = await openLedger(world, paths, root)
  for (const problem of ledger.problems) log.warn({ problem }, 'ledger')
  const statuses = await openStatuses(world, paths.status)
  const key = await openDigestKey(world, paths)
  const events = newEvents()
  const backoff = newBackoff()
  const listeners = new Set<() => void>()
  const outcomeListeners = new Set<(outcome: Outcome) => void>()
  const passListeners = new Set<(end: PassEnd) => void>()
  const changed = () => {
    for (const listener of listeners) listener()
  }

  let last: Pass | null = null
  let lastTook = 0
  /** What the host showed before the first pass. */
  let shown: Shown = { machines: [], volumes: [] }
  const wakeups = newWakeups(world.clock, () => {
    if (executor.inFlight().length === 0) return gaps.calm
    return Math.min(Math.max(gaps.busy.least, gaps.busy.passes * lastTook), gaps.busy.most)
  })
  const { from } = options
  const source: Source =
    'cluster' in from
      ? from.cluster(() => wakeups.wake('cluster'), world.process.bootId())
      : new DirectorySource({
          files: world.files,
          clock: world.clock,
          random: world.random,
          manifests: from.manifests,
          state: paths.state,
          parse: options.parse,
          // For an index that was lost, also while this controller runs.
          recoverUid: newUidRecall(() => [ledger.current, last?.view.observed ?? shown]),
        })
  const own = source.own ?? nothingOfItsOwn
  const machines = machineHost({
    world,
    paths: { run: paths.run },
    features: () => options.features,
    log,
  })
  machines.onChange(() => wakeups.wake('machine'))
  const volumes = volumeHost({ world, paths: { volumes: paths.volumes } })
  for (const host of [machines, volumes]) {
    await host.sweep().catch((error: Error) => log.warn({ problem: error.message }, 'clearing what a crash left'))
  }
  const { signal: unbroken } = new AbortController()
  shown = {
    machines: await machines.observe(ledger.current.machines, [], () => null, unbroken),
    volumes: await volumes.observe(unbroken),
  }
  const facts = newFactReader(world.files, config, paths.root, key)

  const hands = newHands({
    world,
    ledger,
    machines,
    volumes,
    features: () => options.features,
    key,
    credentials: async (uid) => facts.credentials(uid, last?.source.objects ?? []),
  })
  const executor = newExecutor({
    hands,
    clock: world.clock,
    backoff,
    starts: options.starts,
    onSettled: () => wakeups.wake('settled'),
    onOutcome: (outcome) => {
      logOutcome(log, outcome)
      tell(events, outcome, world.clock.now())
      for (const listener of outcomeListeners) listener(outcome)
      changed()
    },
  })

  const lookDeps: LookDeps = {
    world,
    ledger,
    machines,
    volumes,
    facts,
    features: () => options.features,
    settings: {
      nodeName: options.nodeName,
      root: paths.root,
      volumes: paths.volumes,
      users: usersOf(config, root),
      graceSeconds: config.graceSeconds,
      cluster: 'cluster' in from,
    },
    nodeName: options.nodeName,
    resolve: newResolver(),
    executor,
    backoff,
    list: async (signal) => withChores(await source.list(signal), signal),
  }

  /** Things that only have to be written down: states from templates, operations whose time is over. */
  async function withChores(view: SourceView, signal: AbortSignal): Promise<SourceView> {
    // In a cluster they are the manager's.
    if (source.own === null) return view
    const { put, remove } = chores(view.objects, world.clock.now())
    if (put.length === 0 && remove.length === 0) return view
    if (put.length > 0) await own.put(put, signal)
    if (remove.length > 0) await own.delete(remove, signal)
    return source.list(signal)
  }

  const pass = async (signal: AbortSignal) => {
    const from = world.clock.monotonic()
    const tellEnd = (error: string | null) => {
      lastTook = world.clock.monotonic() - from
      for (const listener of passListeners) listener({ took: lastTook, error })
    }
    try {
      const found = await passOnce(signal)
      tellEnd(null)
      return found
    } catch (error) {
      if (!signal.aborted) tellEnd(error instanceof Error ? error.message : String(error))
      throw error
    }
  }

  const passOnce = async (signal: AbortSignal) => {
    const deps = {
      ...lookDeps,
      executor,
      statuses,
      log,
      finish: (object: Accepted) => source.finish(object.key, object.uid),
    }
    last = await reconcile(deps, config.resyncSeconds * 1000, signal, (found) => {
      last = found
    })
    for (const object of last.source.objects) if (object.deletion && last.finished > 0) events.forget(object.key)
    if (last.finished > 0) wakeups.wake('finished')
    changed()
    return last
  }

  return {
    source,
    statuses,
    events,
    ledger,
    wakeups,
    options,
    get last() {
      return last
    },
    onChange: (listener) => subscribe(listeners, listener),
    onOutcome: (listener) => subscribe(outcomeListeners, listener),
    onPass: (listener) => subscribe(passListeners, listener),
    look: (signal) => look(lookDeps, signal),
    pass,
    idle: () => executor.idle(),
    put: (objects, signal) => own.put(objects, signal),
    delete: (keys, signal) => own.delete(keys, signal),
    async run(signal) {
      let nextAt = 0
      while (!signal.aborted) {
        const why = await wakeups.next(nextAt, signal).catch(() => null)
        if (why === null) return
        try {
          const due = (await pass(signal)).nextAt - world.clock.now()
          nextAt = world.clock.monotonic() + due
          log.debug({ why }, 'pass')
        } catch (error) {
          if (signal.aborted) return
          log.error(
            { error: error instanceof Error ? error.message : String(error), why },
            'a pass failed; it is repeated in a second',
          )
          nextAt = world.clock.monotonic() + 1000
        }
      }
    },
    async close() {
      await executor.close()
      machines.close()
    },
  }
}

/** What a host of a cluster answers whoever would make objects on it. */
const nothingOfItsOwn: OwnObjects = {
  async put([first]) {
    throw new RefusedError(first ? keyOf(first) : '', elsewhere)
  },
  async delete(keys) {
    return keys.map((key) => ({ key, message: elsewhere }))
  },
}

const elsewhere = 'this host takes its objects from a cluster: use kubectl there'

function subscribe<T>(set: Set<T>, listener: T): Stop {
  set.add(listener)
  return () => set.delete(listener)
}

const words: Readonly<Record<string, string>> = {
  startMachine: 'Started',
  stopMachine: 'Stopped',
  resumeMachine: 'Resumed',
  concludeMachine: 'Ended',
  replugNic: 'InterfaceReplugged',
  ensureTap: 'LinkEnsured',
  ensureBridge: 'LinkEnsured',
  removeLink: 'LinkRemoved',
  createVolume: 'VolumeCreated',
  attachVolume: 'VolumeAttached',
  deleteVolume: 'VolumeDeleted',
}

/** An event for what a user would want to read of an action. */
function tell(events: Events, { action, error, calledBack }: Outcome, now: number): void {
  const reason = words[action.kind]
  if (calledBack) return
  if (error !== null)
    events.add(action.owner, { type: 'Warning', reason: 'ActionFailed', message: `${action.id}: ${error}` }, now)
  else if (reason) events.add(action.owner, { type: 'Normal', reason, message: `${action.id}: ${action.because}` }, now)
}
