import type { Logger } from 'pino'
import { usersOf } from '../controller/config.ts'
import { controlHandler } from '../controller/control.ts'
import { type Controller, openController } from '../controller/controller.ts'
import { openRoot } from '../controller/ledger.ts'
import { metricsHandler, parseListen } from '../controller/metrics-server.ts'
import type { Lock } from '../world/files.ts'
import { closeInherited } from '../world/linux/inherited.ts'
import { linuxNotify } from '../world/linux/notify.ts'
import { linuxWorld } from '../world/linux/world.ts'
import { quickChecks } from './checks.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { triedFeatures } from './features.ts'
import type { RunOptions } from './run.ts'
import { makeDirectories, makeManifests } from './run-directories.ts'
import { openLog } from './run-log.ts'
import { startMonitors } from './run-monitors.ts'
import { narrate } from './run-narrator.ts'
import { startNotify } from './run-notify.ts'
import { converge } from './run-once.ts'
import { settingsOf } from './run-settings.ts'
import { untilAsked } from './run-signals.ts'

/** Milliseconds that an orderly end may take. */
const patience = 4000

/** Checks, opens, runs and ends a controller. Answers the exit code; what keeps it from running is a {@link Failure}. */
export async function runController(context: Context, options: RunOptions): Promise<number> {
  closeInherited()
  const address = options.metrics === undefined ? null : parseListen(options.metrics)
  const bad = (await quickChecks(context.files, context.paths)).filter(({ state }) => state === 'fail')
  if (bad.length > 0) throw new Failure(bad.map(({ says }) => says))
  const lock = await takeRoot(context, options)
  const { signal, stop } = untilAsked()
  try {
    const log = await openLog(context, options.logLevel ?? (options.once ? 'error' : 'info'))
    const { controller, agent } = await open(context, options, log, signal)
    const left = new AbortController()
    const reporting = agent?.(controller, AbortSignal.any([signal, left.signal]))
    try {
      if (options.once) return await once(context, controller, signal)
      await serve(controller, address, log, signal)
      return 0
    } finally {
      left.abort()
      await withPatience(context, Promise.all([controller.close(), reporting]))
    }
  } catch (error) {
    if (!signal.aborted) throw error
    return options.once ? 1 : 0
  } finally {
    stop()
    await lock.release()
  }
}

/** Makes the folders and takes the lock: from here on nobody else changes anything of this root. */
async function takeRoot({ files, paths }: Context, { manifests, kubernetes }: RunOptions): Promise<Lock> {
  const isNew = (await files.stat(`${paths.state}/root.json`)) === null
  await makeDirectories(files, paths)
  const lock = await files.lock(`${paths.state}/lock`)
  if (lock === null)
    throw new Failure(`another controller holds ${paths.state}/lock; end it first, or take another --root`)
  if (isNew && manifests === undefined && !kubernetes) await makeManifests(files, paths.manifests)
  return lock
}

interface Opened {
  readonly controller: Controller
  /** Runs beside the controller of a host that is one of a cluster's. */
  readonly agent: ((controller: Controller, signal: AbortSignal) => Promise<void>) | null
}

async function open(context: Context, options: RunOptions, log: Logger, signal: AbortSignal): Promise<Opened> {
  const { paths } = context
  const { manifests, nodeName: hostName, ...settings } = await settingsOf(context, options)
  const nodeName = options.node ?? hostName
  const root = await openRoot(context, paths)
  const world = linuxWorld(root, settings.config.cgroup ?? null)
  const trial = { user: usersOf(settings.config, root).first, directory: paths.run }
  const features = await triedFeatures(world, trial, signal)
  if (!features.kvm.usable) log.warn({ why: features.kvm.why }, 'no KVM: VMs with accel auto are emulated, slowly')
  const common = { world, paths, root, nodeName, ...settings, features, log }
  if (!options.kubernetes) return { controller: await openController({ ...common, from: { manifests } }), agent: null }
  const { hostPartsOf, openAgent } = await import('./run-cluster.ts')
  const agent = await openAgent(context, options, nodeName, log, signal)
  const controller = await openController({ ...common, from: { cluster: agent.cluster } })
  const host = await hostPartsOf(context, controller, features)
  return { controller, agent: (one, ended) => agent.run(one, host, ended) }
}

async function once(context: Context, controller: Controller, signal: AbortSignal): Promise<number> {
  const left = await converge(context, controller, signal)
  for (const sentence of left) context.note(`moorage: ${sentence}`)
  if (left.length === 0) context.out('Everything is as wanted.\n')
  return left.length === 0 ? 0 : 1
}

async function serve(
  controller: Controller,
  address: ReturnType<typeof parseListen> | null,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { world, paths, from } = controller.options
  const stops: (() => unknown)[] = []
  try {
    stops.push(narrate(controller, log))
    stops.push(startNotify(controller, linuxNotify(), log))
    stops.push(await startMonitors(controller))
    const control = await world.stream.serve({ path: paths.socket }, controlHandler(controller))
    stops.push(() => control.stop())
    if (address !== null) {
      const metrics = metricsHandler(controller)
      const server = await world.stream.serve(address, metrics.handle)
      stops.push(metrics.stop, () => server.stop())
      log.info({ host: address.host, port: server.port }, 'metrics are served')
    }
    log.info({ ...from, socket: paths.socket }, 'the controller runs')
    await controller.run(signal)
    log.info('the controller ends; the VMs run on')
  } finally {
    await Promise.all(stops.map((stop) => stop()))
  }
}

/** What does not end in time is left: it holds nothing that the next controller would miss. */
async function withPatience({ clock }: Context, work: Promise<unknown>): Promise<void> {
  const stop = new AbortController()
  await Promise.race([work, clock.sleep(patience, stop.signal).catch(() => {})])
  stop.abort()
}
