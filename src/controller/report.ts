import * as z from 'zod'
import { condition } from '../api/conditions.ts'
import { FileError } from '../world/files.ts'
import { publishAll } from '../world/publish.ts'
import type { World } from '../world/world.ts'
import type { Status } from './status/status.ts'

/** The statuses of all objects, kept in `status/` so that they outlive the controller. */
export interface StatusStore {
  readonly current: ReadonlyMap<string, Status>
  /** Writes those that are another value than before and removes those of objects that are gone. */
  save(next: ReadonlyMap<string, Status>): Promise<void>
}

/** What the next pass goes on from; all else is made anew. */
const schema = z.looseObject({ conditions: z.array(condition).optional() })

/** One that a power loss tears is made anew by the next pass. */
const options = { mode: 0o600, durable: false }

/** Opens the status folder; a file that cannot be read is as if it were not there: the next pass makes it anew. */
export async function openStatuses({ files }: World, folder: string): Promise<StatusStore> {
  await files.makeDirectory(folder, { mode: 0o700 })
  let current: ReadonlyMap<string, Status> = await load()
  /** Keys whose files may be other ones than `current` says, since a save of them did not come to its end. */
  const doubtful = new Set<string>()

  async function load(): Promise<Map<string, Status>> {
    const statuses = new Map<string, Status>()
    for (const { name } of await files.list(folder, 100_000)) {
      if (!name.endsWith('.json')) continue
      try {
        const bytes = await files.read(`${folder}/${name}`, 1 << 20)
        const status = JSON.parse(Buffer.from(bytes).toString('utf8'))
        // Kept as it was read: in another order it would be another one, and be written again.
        schema.parse(status)
        // Throws for one that is nested deeper than the next pass could compare.
        JSON.stringify(status)
        statuses.set(keyOfFile(name), status)
      } catch {
        await files.remove(`${folder}/${name}`)
      }
    }
    return statuses
  }

  async function write(next: ReadonlyMap<string, Status>, before: ReadonlyMap<string, Status>): Promise<void> {
    const changed: [string, Uint8Array][] = []
    for (const [key, status] of next) {
      if (before.get(key) === status && !doubtful.has(key)) continue
      doubtful.add(key)
      changed.push([fileOf(key), Buffer.from(`${JSON.stringify(status)}\n`)])
    }
    await publishAll(files, folder, changed, options)
    for (const key of new Set([...before.keys(), ...doubtful]))
      if (!next.has(key)) await files.remove(`${folder}/${fileOf(key)}`)
    doubtful.clear()
  }

  return {
    get current() {
      return current
    },
    async save(next) {
      try {
        await write(next, current)
      } catch (error) {
        if (!(error instanceof FileError && error.code === 'ENOENT')) throw error
        // Somebody removed the folder.
        await files.makeDirectory(folder, { mode: 0o700 })
        await write(next, new Map())
      }
      current = next
    },
  }
}

// Keys are Kind/namespace/name, each a DNS name or a word: no other slash, no comma.
function fileOf(key: string): string {
  return `${key.replaceAll('/', ',')}.json`
}

function keyOfFile(name: string): string {
  return name.slice(0, -'.json'.length).replaceAll(',', '/')
}
