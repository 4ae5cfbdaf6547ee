import type { Logger } from 'pino'
import { newAgent } from '../../src/agent/agent.ts'
import type { Capacity } from '../../src/agent/host-status.ts'
import { makeDirectories } from '../../src/cli/run-directories.ts'
import { startMonitors } from '../../src/cli/run-monitors.ts'
import type { Config } from '../../src/controller/config.ts'
import { type Controller, openController } from '../../src/controller/controller.ts'
import { openRoot } from '../../src/controller/ledger.ts'
import { pathsOf } from '../../src/controller/paths.ts'
import type { HostFeatures } from '../../src/hypervisor/driver.ts'
import type { ApiServer } from '../../src/world/api-server.ts'
import type { World } from '../../src/world/world.ts'
import { parse } from './parse.ts'

export const paths = pathsOf('')

export const qemu = '/usr/bin/qemu-system-x86_64'

const features: HostFeatures = {
  architecture: 'amd64',
  programs: { 'qemu-system-x86_64': { path: qemu, version: '7.2.22' } },
  kvm: { usable: false, why: 'the simulated host has none', group: null },
  tscKhz: 2_000_000,
}

/** What every simulated host of a cluster offers. */
const capacity: Capacity = { vcpu: 8, memory: 2 ** 30, disk: 2 ** 34 }

/** A host's place in a cluster. */
export interface Membership {
  readonly nodeName: string
  readonly api: ApiServer
}

/** A controller that is wired as the command wires it. */
export interface Opened {
  readonly controller: Controller
  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void>
}

export interface OpenOptions {
  readonly world: World
  readonly config: Config
  readonly log: Logger
  /** null: it watches its directory of manifests. */
  readonly member: Membership | null
}

/** Opens a controller on a simulated host; of a host of a cluster, its agent too. */
export async function open({ world, config, log, member }: OpenOptions): Promise<Opened> {
  await makeDirectories(world.files, paths)
  const root = await openRoot(world, paths)
  const common = { world, paths, root, config, features, starts: 2, log }
  if (member === null) {
    const from = { manifests: paths.manifests }
    const controller = await openController({ ...common, from, nodeName: 'sim', parse })
    return { controller, run: (signal) => serve(controller, signal) }
  }
  const { api, nodeName } = member
  const { clock, random, files } = world
  const agent = newAgent({ api, clock, random, files, state: paths.state, nodeName, log })
  const controller = await openController({ ...common, from: { cluster: agent.cluster }, nodeName })
  const host = { features, capacity, bootId: world.process.bootId(), version: '0.0.0' }
  return {
    controller,
    run: async (signal) => void (await Promise.all([agent.run(controller, host, signal), serve(controller, signal)])),
  }
}

async function serve(controller: Controller, signal: AbortSignal): Promise<void> {
  const stop = await startMonitors(controller)
  await controller.run(signal)
  stop()
}
