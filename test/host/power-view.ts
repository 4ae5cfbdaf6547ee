import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { makeDirectories } from '../../src/cli/run-directories.ts'
import { openDigestKey } from '../../src/controller/key.ts'
import { openLedger, openRoot } from '../../src/controller/ledger.ts'
import { type Paths, pathsOf } from '../../src/controller/paths.ts'
import { openStatuses } from '../../src/controller/report.ts'
import { canonical } from '../../src/digest.ts'
import { volumeHost } from '../../src/host/volume.ts'
import { DirectorySource } from '../../src/source/directory.ts'
import { defaultSettle } from '../../src/source/settle.ts'
import type { SourceView } from '../../src/source/source.ts'
import type { Files } from '../../src/world/files.ts'
import { linuxWorld } from '../../src/world/linux/world.ts'
import type { World } from '../../src/world/world.ts'
import type { Facts } from './power-facts.ts'

/** The parts of a controller that write to the disk, on the state folder of a mount. */
export interface Parts {
  readonly paths: Paths
  readonly world: World
  readonly source: DirectorySource
  readonly root: Awaited<ReturnType<typeof openRoot>>
  readonly ledger: Awaited<ReturnType<typeof openLedger>>
  readonly statuses: Awaited<ReturnType<typeof openStatuses>>
  readonly key: Awaited<ReturnType<typeof openDigestKey>>
  readonly volumes: ReturnType<typeof volumeHost>
}

/** Deletions count soon. */
const settle = { ...defaultSettle, gone: 20, young: 0 }

const { signal } = new AbortController()

/** Opens them in the order in which a controller does. `manifests` may be missing: then nothing new is accepted. */
export async function openParts(mount: string, manifests: string, bend = (files: Files) => files): Promise<Parts> {
  const real = linuxWorld({ id: '00000000', group: 2 })
  const world = { ...real, files: bend(real.files) }
  const paths = pathsOf(mount)
  await makeDirectories(world.files, paths)
  const root = await openRoot(world, paths)
  const ledger = await openLedger(world, paths, root)
  const statuses = await openStatuses(world, paths.status)
  const key = await openDigestKey(world, paths)
  const { files, clock, random } = world
  const source = new DirectorySource({ files, clock, random, manifests, state: paths.state, settle })
  const volumes = volumeHost({ world, paths })
  await volumes.sweep()
  return { paths, world, source, root, ledger, statuses, key, volumes }
}

/** What those parts tell anybody now: nothing of it may be lost any more. */
export async function factsOf(parts: Parts, view: SourceView): Promise<Facts> {
  const { root, ledger, key, volumes } = parts
  const facts = new Map<string, string>([
    ['root identity', canonical(root)],
    ['digest key', key.id],
    ['forwarding before', String(ledger.current.forwardingPrior)],
  ])
  for (const { key: name, uid, generation, object, deletion } of view.objects) {
    facts.set(name, canonical({ uid, generation, object, buried: deletion !== null }))
  }
  for (const [uid, record] of Object.entries(ledger.current.machines)) facts.set(`record ${uid}`, canonical(record))
  for (const { name, ownerUid, size, fault } of await volumes.observe(signal)) {
    facts.set(`volume ${name}`, canonical({ ownerUid, size, fault }))
  }
  return facts
}

/** What a power loss left, as the next controller finds it; and what of it is torn, a sentence each. */
export async function recover(mount: string): Promise<{ readonly facts: Facts; readonly torn: readonly string[] }> {
  // What is made when it is missing.
  const made = [
    ['root identity', 'root.json'],
    ['digest key', 'ledger/digest.key'],
  ].flatMap(([name, file]) => (existsSync(`${pathsOf(mount).state}/${file}`) ? [] : [name]))
  const parts = await openParts(mount, `${mount}/no-manifests`)
  const view = await parts.source.list(signal)
  const { ledger, volumes, paths } = parts
  const problems = view.problems
    .filter(({ file }) => file.startsWith(paths.state))
    .map((one) => `${one.file}: ${one.message}`)
  const images = (await volumes.observe(signal)).flatMap(({ name }) => imageFault(`${paths.volumes}/${name}/data.img`))
  const facts = new Map([...(await factsOf(parts, view))].filter(([name]) => !made.includes(name)))
  return { facts, torn: [...ledger.problems, ...problems, ...images] }
}

/** ext4 as mkfs made it: its magic number, and what e2fsck finds. */
function imageFault(path: string): readonly string[] {
  const magic = Buffer.alloc(2)
  const file = openSync(path, 'r')
  readSync(file, magic, 0, 2, 1080)
  closeSync(file)
  if (magic.readUInt16LE(0) !== 0xef53) return [`${path} has no file system`]
  try {
    execFileSync('e2fsck', ['-fn', path], { stdio: ['ignore', 'pipe', 'pipe'] })
    return []
  } catch (error) {
    return [`${path}: ${(error as { stdout?: Buffer }).stdout}`]
  }
}
