import { setTimeout as sleep } from 'node:timers/promises'
import { type Capture, capture } from './capture.ts'
import { type Controller, isDone, type Line, startController } from './controller.ts'
import { type Fleet, fleetManifest } from './manifests.ts'
import { cpuOfFamily } from './processes.ts'
import { clearRoot, makeRoot, type Root, vmm } from './root.ts'
import type { Stage } from './stage.ts'

/** A root, its controller, and the VMs of a fleet running. */
export interface Scene {
  readonly root: Root
  readonly controller: Controller
}

/** Milliseconds of quiet after something was torn down: the kernel removes namespaces and links behind our back. */
const rest = 1000

/** Milliseconds until a VM of many has started, on a busy machine. */
const patience = 1000

/** Runs a part in a root of its own with a controller that has looked once, and clears everything behind it. */
export async function withController<T>(stage: Stage, config: string, work: (scene: Scene) => Promise<T>): Promise<T> {
  const root = makeRoot(stage, config)
  try {
    const controller = await startController(stage, root)
    try {
      return await work({ root, controller })
    } finally {
      await controller.kill()
    }
  } finally {
    await clearRoot(root)
    await sleep(rest)
  }
}

/** Milliseconds until the last VM of a fleet answered on QMP, and CPU of the controller and its tools meanwhile. */
export interface FleetStarted {
  readonly ms: number
  readonly cpu: number
}

/** Drops a fleet as one file and waits until all of it answers on QMP. */
export async function startFleet(
  { root, controller }: Scene,
  fleet: Fleet,
  name = 'fleet.yaml',
): Promise<FleetStarted> {
  const from = controller.lines.length
  const before = cpuOfFamily(controller.pid, vmm)
  const at = root.drop(name, fleetManifest(fleet))
  const options = { count: fleet.count, from, milliseconds: 60_000 + patience * fleet.count }
  const last = await controller.until(`start of ${fleet.count} VMs`, eachOnce(isDone('startMachine/')), options)
  return { ms: last.at - at, cpu: cpuOfFamily(controller.pid, vmm) - before }
}

/** The same action done again is a VM started anew, and no other VM. */
export function eachOnce(isMeant: (line: Line) => boolean): (line: Line) => boolean {
  const seen = new Set<string>()
  return (line) => {
    if (!isMeant(line) || seen.has(line.action)) return false
    seen.add(line.action)
    return true
  }
}

/** Starts a fleet once, for the bare reference to do the same. */
export async function captureFleet(stage: Stage, fleet: Fleet): Promise<Capture> {
  return withController(stage, '', async (scene) => {
    await startFleet(scene, fleet)
    return capture(scene.root, fleet)
  })
}
