import { canonical } from '../digest.ts'
import type { Ledger, MachineRecord, RootIdentity } from '../ledger.ts'
import { FileError } from '../world/files.ts'
import { publish, publishAll } from '../world/publish.ts'
import type { World } from '../world/world.ts'
import { isMachineRecord } from './machine-record.ts'
import type { Paths } from './paths.ts'

/** The ledger on disk: one small file for the host and one for each machine, published whole. */
export interface LedgerStore {
  readonly current: Ledger
  /** Writes what the change makes different and only then makes it current. Changes run one after the other. */
  change(change: (current: Ledger) => Ledger): Promise<void>
  /** Writes again what a write that failed may have left otherwise on the disk, or not on it for good; else nothing. */
  settle(): Promise<void>
  /** Records that could not be read, each in a sentence; they count as lost and are rebuilt from the host. */
  readonly problems: readonly string[]
}

const recordLimit = 1 << 20
const mode = 0o600

/** Opens the ledger of a root; an absent one is empty. Calls must not overlap with another writer's. */
export async function openLedger(world: World, paths: Paths, root: RootIdentity): Promise<LedgerStore> {
  const { files } = world
  const folder = `${paths.ledger}/machines`
  const makeFolders = async () => {
    for (const path of [paths.ledger, folder]) await files.makeDirectory(path, { mode: 0o700 })
  }
  await makeFolders()
  const problems: string[] = []
  let current = await load(world, paths, root, problems)
  let queue: Promise<void> = Promise.resolve()

  /** Records of which a write failed: the disk may have what was, what was meant, or a name that the power takes away. */
  const unsure = new Set<string>()
  let unsureHost = false
  try {
    // A controller that died may have left names that only the page cache knows, and this one is going to trust them.
    for (const path of [paths.ledger, folder]) await files.sync(path)
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    unsureHost = current.forwardingPrior !== null
    for (const uid of Object.keys(current.machines)) unsure.add(uid)
  }

  const render = (value: unknown) => Buffer.from(`${JSON.stringify(value)}\n`)
  const saveHost = async (next: Ledger, before: Ledger) => {
    if (next.forwardingPrior === before.forwardingPrior && !unsureHost) return
    unsureHost = true
    const host = render({ version: 1, forwardingPrior: next.forwardingPrior })
    await publish(files, `${paths.ledger}/host.json`, host, { mode })
    unsureHost = false
  }
  const saveMachines = async (next: Ledger, before: Ledger) => {
    const changed: [string, Uint8Array][] = []
    for (const [uid, record] of Object.entries(next.machines)) {
      const known = before.machines[uid]
      if (!unsure.has(uid) && known && isEqual(known, record)) continue
      unsure.add(uid)
      changed.push([`${uid}.json`, render({ version: 1, ...record })])
    }
    const gone = [...new Set([...unsure, ...Object.keys(before.machines)])].filter((uid) => !(uid in next.machines))
    for (const uid of gone) unsure.add(uid)
    await publishAll(files, folder, changed, { mode })
    for (const uid of gone) await files.remove(`${folder}/${uid}.json`)
    // Its object is forgotten next: a record that came back with a power loss would be nobody's.
    if (gone.length > 0) await files.sync(folder)
    unsure.clear()
  }
  const save = async (next: Ledger, before: Ledger) => {
    await saveHost(next, before)
    await saveMachines(next, before)
  }
  const store = async (next: Ledger) => {
    try {
      await save(next, current)
    } catch (error) {
      if (!(error instanceof FileError && error.code === 'ENOENT')) throw error
      // Somebody removed the folder: what stood in it is known.
      await makeFolders()
      await save(next, { ...current, forwardingPrior: null, machines: {} })
    }
    current = next
  }
  // One after the other: each change starts from what the one before left.
  const inTurn = (work: () => Promise<void>) => {
    const done = queue.then(work)
    queue = done.catch(() => undefined)
    return done
  }
  return {
    get current() {
      return current
    },
    problems,
    change: (change) =>
      inTurn(async () => {
        const next = change(current)
        if (next !== current) await store(next)
      }),
    settle: () =>
      inTurn(async () => {
        if (unsure.size > 0 || unsureHost) await store(current)
      }),
  }
}

/** A change of one record; nothing when there is none. */
export function changeRecord(
  uid: string,
  change: (record: MachineRecord) => MachineRecord,
): (ledger: Ledger) => Ledger {
  return (ledger) => {
    const record = ledger.machines[uid]
    return record ? { ...ledger, machines: { ...ledger.machines, [uid]: change(record) } } : ledger
  }
}

/** Leaves a record out. */
export function forgetRecord(uid: string): (ledger: Ledger) => Ledger {
  return (ledger) => {
    const { [uid]: _gone, ...machines } = ledger.machines
    return { ...ledger, machines }
  }
}

/**
 * What was changed from `base` to `next`, field by field, on whatever the ledger has become meanwhile: an action that
 * wrote down its start while a pass was thinking is not undone by that pass.
 */
export function mergeRecords(base: Ledger, next: Ledger): (ledger: Ledger) => Ledger {
  return (ledger) => {
    const machines = { ...ledger.machines }
    let merged = false
    for (const [uid, record] of Object.entries(next.machines)) {
      const before = base.machines[uid]
      if (before === record) continue
      const changed = Object.entries(record).filter(
        ([field, value]) => !before || !isEqual(before[field as keyof MachineRecord], value),
      )
      const current = machines[uid]
      if ((!current && before) || (current && changed.length === 0)) continue
      merged = true
      machines[uid] = { ...record, ...current, ...Object.fromEntries(changed) } as MachineRecord
    }
    return merged ? { ...ledger, machines } : ledger
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  return a === b || canonical(a) === canonical(b)
}

async function load(world: World, paths: Paths, root: RootIdentity, problems: string[]): Promise<Ledger> {
  const folder = `${paths.ledger}/machines`
  const machines: Record<string, MachineRecord> = {}
  for (const { name } of await world.files.list(folder, 100_000)) {
    if (!name.endsWith('.json')) continue
    const record = await readJson(world, `${folder}/${name}`, isMachineRecord, problems)
    const uid = name.slice(0, -'.json'.length)
    if (record && uid !== '__proto__') machines[uid] = record
  }
  const host = await readJson(world, `${paths.ledger}/host.json`, isHostRecord, problems)
  return { version: 1, root, forwardingPrior: host?.forwardingPrior ?? null, machines }
}

interface HostRecord {
  readonly forwardingPrior: boolean | null
}

function isHostRecord(value: unknown): value is HostRecord {
  const { forwardingPrior } = value as Partial<HostRecord>
  return forwardingPrior === null || typeof forwardingPrior === 'boolean'
}

async function readJson<T>(
  world: World,
  path: string,
  is: (value: unknown) => value is T,
  problems: string[],
): Promise<T | null> {
  try {
    const { version, ...value } = JSON.parse(Buffer.from(await world.files.read(path, recordLimit)).toString('utf8'))
    if (version === 1 && is(value)) return value
    const newer = typeof version === 'number' && version > 1
    const why = newer ? `written by a newer version (${version}); it is left alone and` : 'not such a record,'
    problems.push(`${path}: ${why} counts as lost`)
  } catch (error) {
    if (error instanceof FileError && error.code === 'ENOENT') return null
    problems.push(`${path}: unreadable, counts as lost: ${error instanceof Error ? error.message : String(error)}`)
  }
  return null
}

/** The root's identity: read, or made once and published before anything bears it. */
export async function openRoot(world: Pick<World, 'files' | 'random'>, paths: Paths): Promise<RootIdentity> {
  const path = `${paths.state}/root.json`
  try {
    const { id, group } = JSON.parse(Buffer.from(await world.files.read(path, 4096)).toString('utf8')) as RootIdentity
    if (!/^[0-9a-f]{8}$/.test(id) || !Number.isInteger(group)) throw new Error('not a root identity')
    return { id, group }
  } catch (error) {
    if (!(error instanceof FileError && error.code === 'ENOENT')) {
      const why = error instanceof Error ? error.message : String(error)
      throw new Error(
        `${path}: ${why}; put it back from a backup, since every interface and rule of this root bears it`,
      )
    }
  }
  const bytes = Buffer.from(world.random.bytes(8))
  // Group 0 is the kernel's default; the top bit stays clear, and the number above it is left for links that go.
  const root = { id: bytes.subarray(0, 4).toString('hex'), group: 2 + (bytes.readUInt32BE(4) % 0x7ffffff0) }
  await publish(world.files, path, Buffer.from(`${JSON.stringify(root)}\n`), { mode: 0o600 })
  return root
}
