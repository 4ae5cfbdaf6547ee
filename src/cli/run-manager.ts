import { hostname } from 'node:os'
import { parseListen } from '../controller/metrics-server.ts'
import { manage } from '../manager/manager.ts'
import { newManagerMetrics } from '../manager/metrics.ts'
import { linuxApiServer } from '../world/linux/api-server.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import type { ManageOptions } from './manage.ts'
import { openLog } from './run-log.ts'
import { untilAsked } from './run-signals.ts'
import { userAgent } from './user-agent.ts'

/** Manages a cluster until somebody asks it to end. Answers the exit code; what keeps it from running is a {@link Failure}. */
export async function runManager(context: Context, options: ManageOptions): Promise<number> {
  const { clock, random, stream } = context
  const address = options.metrics === undefined ? null : listenAt(options.metrics)
  const asking = { userAgent: userAgent('moorage-manager') }
  const api = await linuxApiServer(options.kubeconfig ?? null, asking).catch((error: Error) => {
    throw new Failure(error.message)
  })
  const { signal, stop } = untilAsked()
  const metrics = newManagerMetrics(clock)
  const server = address === null ? null : await stream.serve(address, metrics.handle)
  try {
    const log = await openLog(context, options.logLevel)
    // Two of one host name, one after the other or side by side, are two.
    const identity = `${hostname()}_${Buffer.from(random.bytes(8)).toString('hex')}`
    log.info({ server: api.address, identity, metrics: server?.port ?? null }, 'the manager runs')
    const { namespace } = options
    const { onPass, onLeading } = metrics
    await manage({ api, clock, random, namespace, identity, log, onPass, onLeading }, signal)
    log.info('the manager ends; the VMs run on')
    return 0
  } finally {
    await server?.stop()
    stop()
  }
}

function listenAt(given: string): ReturnType<typeof parseListen> {
  try {
    return parseListen(given)
  } catch (error) {
    throw new Failure((error as Error).message)
  }
}
