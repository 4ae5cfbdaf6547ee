import type { Logger } from 'pino'
import packageJson from '../../package.json' with { type: 'json' }
import { type Agent, hostNamespace, newAgent } from '../agent/agent.ts'
import type { HostParts } from '../agent/host-status.ts'
import { hostMeta, MAX_HOST_NAME } from '../api/meta.ts'
import type { Controller } from '../controller/controller.ts'
import type { HostFeatures } from '../hypervisor/driver.ts'
import { newClient } from '../kubernetes/client.ts'
import { newIdentity } from '../kubernetes/identity.ts'
import type { ApiServer } from '../world/api-server.ts'
import { linuxApiServer } from '../world/linux/api-server.ts'
import { isInPod } from '../world/linux/pod.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import type { RunOptions } from './run.ts'
import { userAgent } from './user-agent.ts'

const asking = { userAgent: userAgent('moorage-agent') }

/** The agent of this host for the cluster that the options name. Throws a {@link Failure} when there is no way to it. */
export async function openAgent(
  context: Context,
  options: RunOptions,
  nodeName: string,
  log: Logger,
  signal: AbortSignal,
): Promise<Agent> {
  if (!hostMeta.shape.name.safeParse(nodeName).success)
    throw new Failure(
      `this host is called ${JSON.stringify(nodeName)}, which no object of a cluster can be: give it a name with --node (a-z, 0-9, "-" and ".", at most ${MAX_HOST_NAME} characters)`,
    )
  const { clock, random, files, paths } = context
  const { kubeconfig } = options
  const opening =
    kubeconfig === undefined && isInPod()
      ? asHost(context, nodeName, signal)
      : linuxApiServer(kubeconfig ?? null, asking)
  const api = await opening.catch((error: Error) => {
    throw new Failure(error.message)
  })
  log.info({ server: api.address, node: nodeName }, 'this host takes what is bound to it')
  return newAgent({ api, clock, random, files, state: paths.state, nodeName, log })
}

/** A pod has credentials of its own only to get those of its host. */
async function asHost({ clock }: Context, nodeName: string, signal: AbortSignal): Promise<ApiServer> {
  const client = newClient(await linuxApiServer(null, asking), clock)
  const bearer = newIdentity({ client, clock, namespace: hostNamespace, nodeName, signal })
  return linuxApiServer(null, { ...asking, bearer })
}

/** What this host offers, as it is now. */
export async function hostPartsOf(
  { files, paths }: Context,
  { options, last }: Controller,
  features: HostFeatures,
): Promise<HostParts> {
  const meminfo = Buffer.from(await files.read('/proc/meminfo', 1 << 20)).toString('utf8')
  const memory = Number(/^MemTotal: +(\d+) kB$/m.exec(meminfo)?.[1] ?? 0) * 1024
  const cpuinfo = Buffer.from(await files.read('/proc/cpuinfo', 16 << 20)).toString('utf8')
  const kept = (last?.view.observed.volumes ?? []).reduce((sum, { size }) => sum + size, 0)
  // What is free moves all the time; what is offered should not.
  const disk = Math.floor(((await files.free(paths.volumes)) + kept) / 2 ** 30) * 2 ** 30
  const vcpu = cpuinfo.match(/^processor\s*:/gm)?.length ?? 1
  return {
    features,
    capacity: { vcpu, memory, disk },
    bootId: options.world.process.bootId(),
    version: packageJson.version,
  }
}
