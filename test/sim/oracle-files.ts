import type { FileOptions } from '../../src/world/files.ts'
import type { Node } from '../world/memory-tree.ts'
import { paths, type SimHost } from './host.ts'
import type { Seen, Sight } from './oracle-history.ts'
import { canary } from './wanted.ts'

/** Folders whose files outlive a power loss. */
const durable = [paths.ledger, paths.index, paths.objects, paths.secrets, paths.volumes]

/** Folders that the controller may change anything in. */
const own = [paths.state, paths.run]

/** Where a secret's value may stand while a VMM has not read it, and for good. */
const secretPlaces = [new RegExp(`^${paths.secrets}/`), new RegExp(`^${paths.vms}/[^/]+/credential-\\d+$`)]

const encoded = Buffer.from(canary).toString('base64').slice(0, 16)

/** What the controller does to files, seen at the moment of it. */
export function watchFiles(sight: Seen): void {
  const { host } = sight
  const { files } = host
  const create = files.create.bind(files)
  files.create = (path: string, bytes: Uint8Array, options: FileOptions) => {
    const text = new TextDecoder().decode(bytes)
    if (text.includes(canary) || text.includes(encoded)) {
      if (!secretPlaces.some((place) => place.test(path))) sight.fail('I10', `a value is written to ${path}`)
      if ((options.mode & 0o077) !== 0) sight.fail('I10', `${path} may be read by others: ${options.mode.toString(8)}`)
    }
    return create(path, bytes, options)
  }
  const rename = files.rename.bind(files)
  files.rename = (from: string, to: string) => {
    const node = nodeAt(host, from)
    if (isIn(to, durable) && node?.type === 'file' && !isSame(node.durable, node.bytes))
      sight.fail('I7', `${to} is published before its bytes are on the disk`)
    return rename(from, to)
  }
  const remove = files.remove.bind(files)
  files.remove = (path: string) => {
    const name = path.split('/').at(-1) ?? ''
    if (path.startsWith(`${paths.secrets}/accepted/`) && host.files.text(`${paths.index}/accepted`)?.includes(name))
      sight.fail('I7', `${path} is removed and the index names it`)
    return remove(path)
  }
}

/** A line of the trace: an effect on a path that is not ours; a spawn that the ledger does not know of. */
export function judgeEffect(sight: Sight, line: string): void {
  const [, name, path = '', to] = /^files\.(\w+) (\S+)(?: -> (\S+))?$/.exec(line) ?? []
  // Of a symbolic link the trace tells the target.
  if (name && name !== 'symlink') {
    for (const one of to ? [path, to] : [path]) {
      if (!isIn(one, own) && !own.some((folder) => folder.startsWith(`${one}/`))) sight.fail('I5', `${name} ${one}`)
    }
  }
  const folder = /^process\.spawn (\S+)$/.exec(line)?.[1]
  if (folder) judgeSpawn(sight, folder)
}

/** Law 3: written before the effect it speaks of. */
function judgeSpawn({ host, tally, fail }: Sight, folder: string): void {
  if (tally.has('ledger removed') || tally.has('ledger torn')) return
  if (tally.has('runtime folder removed') || tally.has('runtime folders removed')) return
  const file = host.files.text(`${folder}/machine.json`)
  if (file === null) {
    fail('ledger', `a VMM is spawned in ${folder}, where no record is`)
    return
  }
  const { uid, started } = JSON.parse(file) as { uid: string; started: { incarnation: string } }
  const record = host.files.text(`${paths.ledger}/machines/${uid}.json`)
  if (!record?.includes(`"${started.incarnation}"`))
    fail('ledger', `a VMM of ${uid} is spawned before it is written down`)
}

/** At rest everything that has to outlive a power loss would. */
export function judgeDurability({ host, fail }: Sight): void {
  for (const folder of durable) {
    for (const { path, type } of host.files.everything(folder)) {
      const above = folderOf(path)
      if (path.endsWith('.new')) continue
      if (type === 'file' || above === paths.volumes) {
        if (!isDurable(host, path)) fail('I7', `${path} would be lost with the power`)
      }
    }
  }
}

/** Its name is on the disk and, for a file, its bytes. */
function isDurable(host: SimHost, path: string): boolean {
  const [node, above] = [nodeAt(host, path), nodeAt(host, folderOf(path))]
  if (node === null || above?.type !== 'directory') return true
  if (above.durable.get(path.slice(path.lastIndexOf('/') + 1)) !== node) return false
  return node.type !== 'file' || isSame(node.durable, node.bytes)
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function isIn(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`))
}

function isSame(a: Uint8Array | null, b: Uint8Array): boolean {
  return a === b || (a !== null && Buffer.compare(a, b) === 0)
}

function nodeAt(host: SimHost, path: string): Node | null {
  try {
    return host.files.at(path)
  } catch {
    return null
  }
}
