import * as z from 'zod'
import type { Volume } from '../host-state.ts'
import type { Files } from '../world/files.ts'

const schema = z.object({
  version: z.literal(1),
  name: z.string(),
  /** uid of the MicroVMState, or of the MicroVM for an ephemeral disk. */
  ownerUid: z.string(),
  owner: z.object({ kind: z.string(), namespace: z.string(), name: z.string() }),
  ephemeral: z.boolean(),
  /** Bytes. */
  size: z.number(),
  fsType: z.enum(['ext4', 'xfs', 'btrfs', 'none']),
  label: z.string().nullable(),
})

/** `volume.json`: whose bytes lie beside it. */
export type VolumeRecord = z.infer<typeof schema>

/** Bytes. */
const longest = 1 << 16

export function recordOf({ name, ownerUid, owner, ephemeral, size, fsType, label }: Volume): VolumeRecord {
  return { version: 1, name, ownerUid, owner, ephemeral, size, fsType, label }
}

export function renderRecord(record: VolumeRecord): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`)
}

/** Null when it cannot be read as one. */
export async function readRecord(files: Files, path: string): Promise<VolumeRecord | null> {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(await files.read(path, longest))))
    return parsed.success ? parsed.data : null
  } catch {
    return null
  }
}

/** Why a volume must not be used; null when it is whole. */
export function faultOf(record: VolumeRecord | null, image: { type: string; size: number } | null): string | null {
  if (image?.type !== 'file') return 'its data.img is not there'
  if (!record) return 'its volume.json cannot be read; put it back, or move the folder away'
  if (image.size === record.size) return null
  return `its data.img has ${image.size} bytes and its volume.json says ${record.size}; make them agree`
}
