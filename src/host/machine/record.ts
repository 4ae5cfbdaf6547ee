import * as z from 'zod'
import { startReasons } from '../../action.ts'
import { digestGroups, type Machine, runStrategies } from '../../host-state.ts'
import type { Command } from '../../hypervisor/driver.ts'
import type { StartedRecord } from '../../ledger.ts'
import type { Files } from '../../world/files.ts'
import { replaceFile } from '../folder.ts'

const command = z.object({
  execute: z.string(),
  arguments: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  missing: z.boolean().optional(),
})

/** What was applied when an incarnation was started, as the runtime folder and the ledger keep it. */
export const started = z.object({
  incarnation: z.string(),
  at: z.number(),
  bootId: z.string(),
  schema: z.number(),
  digests: z.record(z.enum(digestGroups), z.string()),
  credentials: z.object({ key: z.string(), digest: z.string() }).nullable(),
  powerOff: z.object({ method: z.enum(['qmp-powerdown', 'qmp-quit']), graceSeconds: z.number() }),
  accel: z.string(),
  carried: z.object({
    addresses: z.record(z.string(), z.string()),
    power: z.object({ wish: z.enum(['on', 'off']), strategy: z.enum(runStrategies) }),
    restartRequest: z.string().nullable(),
    operations: z.array(z.string()).readonly(),
    restarts: z.object({
      count: z.number(),
      last: z.object({ reason: z.enum(startReasons), at: z.number() }).nullable(),
    }),
  }),
  undone: z.literal(true).optional(),
  ended: z.object({ how: z.string(), at: z.number() }).nullable(),
})

const schema = z.object({
  version: z.literal(1),
  uid: z.string(),
  owner: z.object({ kind: z.string(), namespace: z.string(), name: z.string() }),
  /** Unix uid and gid of the VMM. */
  user: z.int().min(1),
  /** `namespace.name`, which is the name of a link. */
  name: z.string().regex(/^[a-z0-9.-]+$/),
  /** What `/proc/PID/exe` of its VMM says. */
  executable: z.string(),
  started,
  nics: z.array(z.object({ name: z.string(), tap: z.string() })),
  rewirings: z.array(z.object({ nic: z.string(), tap: z.string(), commands: z.array(command) })),
  /** Names in the folder that must go once the VMM has answered. */
  credentialFiles: z.array(z.string().regex(/^[a-z][a-z0-9-]*$/)),
})

/** `machine.json`: what was started in a runtime folder. Written before the VMM, read by whoever adopts it. */
export type MachineFile = z.infer<typeof schema>

/** Bytes; digests and names take a few kilobytes. */
const longest = 1 << 20

export function machineFile(machine: Machine, started: StartedRecord, command: Command, program: string): MachineFile {
  return {
    version: 1,
    uid: machine.uid,
    owner: machine.owner,
    user: machine.user,
    name: machine.boot.name,
    executable: program,
    started: { ...started },
    nics: machine.boot.nics.map(({ name, tap }) => ({ name, tap })),
    rewirings: command.rewirings.map(({ nic, tap, commands }) => ({ nic, tap, commands: [...commands] })),
    credentialFiles: command.credentialFiles.map(({ file }) => file),
  }
}

export async function writeMachineFile(files: Files, path: string, file: MachineFile): Promise<void> {
  await replaceFile(files, path, `${JSON.stringify(file, null, 2)}\n`)
}

/** Null when there is none, or none that can be read. */
export async function readMachineFile(files: Files, path: string): Promise<MachineFile | null> {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(await files.read(path, longest))))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}
