import type { ObservedVolume, Volume } from '../host-state.ts'
import { publish } from '../world/publish.ts'
import type { World } from '../world/world.ts'
import { clearFolder } from './folder.ts'
import { makeFileSystem } from './mkfs.ts'
import { faultOf, readRecord, recordOf, renderRecord, type VolumeRecord } from './volume-record.ts'

/**
 * The volumes of this root: `<volumes>/<name>/{data.img,volume.json}`. Every act is idempotent and throws a sentence when it
 * cannot; what is cut short leaves either the volume whole or nothing under its name.
 */
export interface VolumeHost {
  /**
   * Every folder. Two looks for each volume, and its record only when it changed. What an act could not clear behind
   * itself is cleared.
   */
  observe(signal: AbortSignal): Promise<readonly ObservedVolume[]>
  /** A sparse image with its file system, published whole and on the disk. Never over one that is there. */
  create(volume: Volume, signal: AbortSignal): Promise<void>
  /** Removes what a crash left half made or half deleted, and makes the rest of its names durable. */
  sweep(): Promise<void>
  /** Gives it to a VM's Unix uid. One of another owner is taken over only when the volume says `adopt`. */
  attach(volume: Volume, user: number, signal: AbortSignal): Promise<void>
  /** Deletes its bytes, when its record names this owner. Success when it is gone. */
  delete(name: string, ownerUid: string, signal: AbortSignal): Promise<void>
}

/** Bytes that must be free where volumes lie: room for a file system's own tables. */
const leastFree = 64 << 20

/** Volumes on one host. */
const most = 100_000

export function volumeHost({ world, paths }: { world: World; paths: { readonly volumes: string } }): VolumeHost {
  const { files, random } = world
  const { volumes } = paths
  const records = new Map<string, { readonly stamp: string; readonly record: VolumeRecord | null }>()
  /** Deleted, but a power loss might bring them back: they count as there until it cannot. */
  const doomed = new Map<string, ObservedVolume>()
  /** Temporary folders of our own work; others are left from a crash. */
  const busy = new Set<string>()
  /** Of our own work something was left, since it could not be removed. */
  let littered = false

  const at = (name: string) => {
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw new Error(`${JSON.stringify(name)} is no name of a volume`)
    const folder = `${volumes}/${name}`
    return { folder, image: `${folder}/data.img`, record: `${folder}/volume.json` }
  }
  const recordAt = async (name: string): Promise<VolumeRecord | null> => {
    const path = `${volumes}/${name}/volume.json`
    const stat = await files.stat(path)
    if (!stat) return null
    const stamp = `${stat.identity} ${stat.modifiedAt} ${stat.size}`
    const known = records.get(name)
    if (known?.stamp === stamp) return known.record
    const record = await readRecord(files, path)
    // One that could not be read may be readable the next time.
    if (record) records.set(name, { stamp, record })
    return record
  }
  const look = async (name: string): Promise<ObservedVolume> => {
    const record = await recordAt(name)
    const image = await files.stat(`${volumes}/${name}/data.img`)
    const seen = {
      name,
      owner: record?.owner ?? null,
      ownerUid: record?.ownerUid ?? '',
      ephemeral: record?.ephemeral ?? false,
    }
    const made = record ? { madeWith: { fsType: record.fsType, label: record.label } } : {}
    return { ...seen, ...made, size: record?.size ?? 0, user: image?.uid ?? 0, fault: faultOf(record, image) }
  }
  const list = async (): Promise<readonly string[]> => {
    if (!(await files.stat(volumes))) return []
    return (await files.list(volumes, most)).filter(({ type }) => type === 'directory').map(({ name }) => name)
  }
  /** A temporary name for the time of `work`, and whatever is left of it removed. */
  const aside = async (prefix: string, name: string, work: (folder: string) => Promise<void>): Promise<void> => {
    const temporary = `${prefix}${name}-${Buffer.from(random.bytes(4)).toString('hex')}`
    busy.add(temporary)
    try {
      await work(`${volumes}/${temporary}`)
    } finally {
      const isLeft = littered
      littered = true
      await clearFolder(files, `${volumes}/${temporary}`, 'volume.json').finally(() => busy.delete(temporary))
      littered = isLeft
    }
  }
  const sweep = async (): Promise<void> => {
    const left = (await list()).filter((name) => /^\.(new|deleted)-/.test(name) && !busy.has(name))
    for (const name of left) await clearFolder(files, `${volumes}/${name}`, 'volume.json')
  }

  return {
    async sweep() {
      await sweep()
      // A controller that died may have left names that only the page cache knows.
      if (await files.stat(volumes)) await files.sync(volumes)
    },
    async observe(signal) {
      if (littered)
        littered = await sweep().then(
          () => false,
          () => true,
        )
      const names = (await list()).filter((name) => !name.startsWith('.'))
      signal.throwIfAborted()
      const there = new Set(names)
      for (const name of records.keys()) if (!there.has(name)) records.delete(name)
      const ghosts = [...doomed.values()].filter(({ name }) => !there.has(name))
      return [...(await Promise.all(names.map(look))), ...ghosts]
    },
    async create(volume, signal) {
      const { folder } = at(volume.name)
      await files.makeDirectory(volumes, { mode: 0o711 })
      await sweep()
      if (await files.stat(folder)) {
        const there = await recordAt(volume.name)
        if (there?.ownerUid === volume.ownerUid) return
        throw new Error(
          `volume ${volume.name} is there and belongs to uid ${there?.ownerUid ?? 'unknown'}; adopt or delete it`,
        )
      }
      const free = await files.free(volumes)
      if (free < leastFree) {
        throw new Error(`only ${free >> 20} MiB are free below ${volumes}, too few for a volume; make room there`)
      }
      await aside('.new-', volume.name, async (draft) => {
        await files.makeDirectory(draft, { mode: 0o710 })
        await files.createSparse(`${draft}/data.img`, volume.size, { mode: 0o600 })
        await makeFileSystem(world, volume, `${draft}/data.img`, signal)
        await files.sync(`${draft}/data.img`)
        await publish(files, `${draft}/volume.json`, renderRecord(recordOf(volume)), { mode: 0o600 })
        signal.throwIfAborted()
        await files.rename(draft, folder)
        await files.sync(volumes)
      })
    },
    async attach(volume, user, signal) {
      const { folder, image, record } = at(volume.name)
      const there = await recordAt(volume.name)
      const fault = faultOf(there, await files.stat(image))
      if (!there || fault) throw new Error(`volume ${volume.name} cannot be used: ${fault}`)
      signal.throwIfAborted()
      if (there.ownerUid !== volume.ownerUid) {
        if (!volume.adopt) throw new Error(`volume ${volume.name} belongs to uid ${there.ownerUid}; adopt or delete it`)
        const { ownerUid, owner } = volume
        await publish(files, record, renderRecord({ ...there, ownerUid, owner }), { mode: 0o600 })
      }
      // Its name and its record may be of a write whose end nobody saw; a guest trusts its disk to be there tomorrow.
      for (const path of [folder, volumes]) await files.sync(path)
      // The image last: by its owner it is seen that all of this was done.
      await files.makeDirectory(folder, { mode: 0o710, uid: 0, gid: user })
      await files.chown(image, user, user)
    },
    async delete(name, ownerUid, signal) {
      const { folder } = at(name)
      await sweep()
      if (!(await files.stat(folder))) {
        if (doomed.has(name)) await files.sync(volumes)
        doomed.delete(name)
        return
      }
      const there = await recordAt(name)
      if (there?.ownerUid !== ownerUid) {
        throw new Error(`volume ${name} belongs to uid ${there?.ownerUid ?? 'unknown'}, not to ${ownerUid}; it is kept`)
      }
      signal.throwIfAborted()
      doomed.set(name, await look(name))
      await aside('.deleted-', name, async (grave) => {
        try {
          await files.rename(folder, grave)
          await files.sync(volumes)
          doomed.delete(name)
        } finally {
          if (await files.stat(folder)) doomed.delete(name)
        }
      })
    },
  }
}
