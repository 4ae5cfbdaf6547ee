import type { MicroVMSpec } from '../../api/microvm.ts'
import type { Boot } from '../../host-state.ts'
import type { Driver, HostFeatures } from '../../hypervisor/driver.ts'
import type { ProcessIdentity } from '../../world/process.ts'
import type { World } from '../../world/world.ts'
import type { MachineFile } from './record.ts'
import type { Runtime } from './runtime.ts'
import type { Session } from './session.ts'

/** What is said to the operator; a pino logger is one. */
export interface MachineLog {
  warn(data: object, message: string): void
  info(data: object, message: string): void
}

/** As the API has it; `host` may be absent and is then the first interface's address. */
export type Readiness = NonNullable<MicroVMSpec['readiness']>

/** Of the object with that uid; null when it names none. */
export type ReadinessOf = (uid: string) => Readiness | null

export interface MachineDeps {
  readonly world: World
  readonly paths: { readonly run: string }
  readonly features: () => HostFeatures
  readonly log: MachineLog
  /** By the name in a boot; absent: every driver there is. */
  readonly driverOf?: (name: Boot['hypervisor']) => Driver | undefined
}

/** A machine with a runtime folder. */
export interface Kept {
  readonly id: string
  readonly runtime: Runtime
  /** Null when it cannot be read. */
  readonly file: MachineFile | null
  readonly session: Session
  /** Since when it is held, milliseconds of the monotonic clock. */
  readonly since: number
  /** Its VMM; null until it was looked for and found. */
  process: ProcessIdentity | null
  /** What it was asked when it turned ready, as `runtime.ready` says; null while it is not. */
  readyAs: string | null
  /** NICs that were being given their TAP again and have not got it: their TAP may have a carrier all the same. */
  readonly unplugged: Set<string>
  /** A start of ours is at it: nobody else touches its sockets. */
  starting: boolean
}

/** What the verbs of a machine host share. */
export interface MachineContext extends MachineDeps {
  /** By the name of the runtime folder. */
  readonly kept: Map<string, Kept>
  wake(): void
}

/** What is said of a machine in a sentence: `default.slot1 (1a2b3c4d5e)`. */
export function sayMachine(id: string, file: MachineFile | null): string {
  return file ? `${file.name} (${id})` : id
}

/** Gives up what is held of a machine; its VMM runs on. */
export function letGo(context: MachineContext, id: string): void {
  context.kept.get(id)?.session.close()
  context.kept.delete(id)
}
