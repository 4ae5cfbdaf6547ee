import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseManifest } from '../../src/api/manifest.ts'
import { keyOf, refOf } from '../../src/api/meta.ts'
import type { MicroVM } from '../../src/api/microvm.ts'
import { configSchema } from '../../src/controller/config.ts'
import { newFactReader } from '../../src/controller/facts.ts'
import { volumeHost } from '../../src/host/volume.ts'
import { CredentialError, readCredentials } from '../../src/secret/credentials.ts'
import { Secret } from '../../src/secret/secret.ts'
import { Scanner } from '../../src/source/scan.ts'
import { FileError } from '../../src/world/files.ts'
import { linuxClock, linuxRandom } from '../../src/world/linux/clock.ts'
import { linuxFiles } from '../../src/world/linux/files.ts'
import type { World } from '../../src/world/world.ts'
import { needsRoot } from '../world/needs-root.ts'
import { type Arena, arena, canary, goodText, type Kind } from './arena.ts'
import { tell, times } from './chance.ts'
import * as samples from './samples.ts'

const files = linuxFiles()
const { signal } = new AbortController()
const goodHash = createHash('sha256').update(goodText).digest('hex')

/** Milliseconds that any one call may take. A FIFO that is waited for takes for ever. */
const most = 1000

let place: Arena

beforeEach(() => {
  place = arena()
})

afterEach(() => {
  place.remove()
})

const anything: readonly Kind[] = [
  'file',
  'link',
  'fifo',
  'up',
  'device',
  'folder',
  'dangling',
  'socket',
  'loop',
  'empty',
]
const folders: readonly Kind[] = ['folder', 'folderLink', 'file', 'fifo', 'dangling', 'loop']

/** Races so many calls against the swapper. `work` answers what it got; null when it was refused. */
async function race(what: string, calls: number, work: (at: number) => Promise<string | null>): Promise<void> {
  const got = new Map<string, number>()
  let [opened, refused, slowest] = [0, 0, 0]
  const wrong: string[] = []
  await place.start()
  const began = performance.now()
  // Both have to have come up: on one busy processor they take turns.
  const goesOn = (at: number): boolean => {
    const since = performance.now() - began
    return at < calls || since < 400 || ((opened === 0 || refused === 0) && since < 8000)
  }
  for (let at = 0; goesOn(at); at += 1) {
    if (at % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    const started = performance.now()
    try {
      const said = await work(at)
      if (said === null) refused += 1
      else {
        opened += 1
        got.set(said, (got.get(said) ?? 0) + 1)
      }
    } catch (error) {
      if (!(error instanceof FileError)) wrong.push(String((error as Error).stack))
      refused += 1
    }
    slowest = Math.max(slowest, performance.now() - started)
  }
  const swaps = await place.stop()
  tell(what, { races: opened + refused, opened, refused, swaps, 'slowest ms': Math.round(slowest) })
  expect(wrong.slice(0, 3)).toEqual([])
  expect(place.touched(), 'what is outside is as it was').toEqual([])
  expect([...got.keys()].filter((said) => !['good', 'empty'].includes(said))).toEqual([])
  expect(slowest).toBeLessThan(most)
  expect(swaps).toBeGreaterThan(50)
  expect(opened).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
}

function name(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes)
  return text === goodText ? 'good' : text === '' ? 'empty' : text.slice(0, 60)
}

describe('a path that is swapped while it is opened beneath its root', () => {
  beforeEach((context) => {
    needsRoot(context, 'makes a device node')
    place.offer('d', folders)
    mkdirSync(`${place.inside}/e`)
    place.offer('e/f', anything)
  })
  const paths = ['d/f', 'e/f']

  test('readBeneath', async () => {
    await race('readBeneath', times(4000), async (at) =>
      name(await files.readBeneath(place.inside, paths[at % 2]!, 100)),
    )
  })

  test('statBeneath', async () => {
    await race('statBeneath', times(4000), async (at) => {
      const stat = await files.statBeneath(place.inside, paths[at % 2]!)
      if (stat === null) return null
      const foreign = place.foreign.has(stat.identity.split(':').slice(0, 2).join(':'))
      return foreign ? `${stat.type} of outside` : 'good'
    })
  })

  test('hashBeneath, by which images are known', async () => {
    const config = configSchema.parse({ hostPaths: { images: [place.inside] } })
    const [image] = parseManifest(JSON.stringify(imageOf(`${place.inside}/d/f`, `${place.inside}/e/f`))).map(
      ({ object }) => object!,
    )
    const wanted = {
      key: keyOf(image!),
      ref: refOf(image!),
      uid: 'u',
      generation: 1,
      createdAt: 0,
      object: image!,
      deletion: null,
    }
    await race('hostPaths.images', times(1500), async () => {
      // A new one each time, since a file that did not change is not hashed again.
      const reader = newFactReader(files, config, '', { id: 'k', key: new Secret(new Uint8Array(32)) })
      const { kernel, initrd } = (await reader.read([wanted], signal)).images.get('a')!
      const facts = [kernel, initrd!].flatMap((fact) => ('sha256' in fact ? [fact.sha256] : []))
      if (facts.length === 0) return null
      const known = [goodHash, createHash('sha256').digest('hex')]
      return facts.every((hash) => known.includes(hash)) ? 'good' : 'the hash of another file'
    })
  })

  test('files of secrets', async () => {
    const from = { secrets: new Map(), files, folders: [place.inside], root: '' }
    await race('hostPaths.secrets', times(1500), async (at) => {
      const source = { file: { path: `${place.inside}/${paths[at % 2]}` } }
      const vm = {
        metadata: { name: 'a' },
        spec: { credentials: { items: [{ name: 'a', source }] } },
      } as unknown as MicroVM
      try {
        return name((await readCredentials(vm, from)).items[0]!.value.reveal())
      } catch (error) {
        if (error instanceof CredentialError && !error.message.includes(canary)) return null
        throw error
      }
    })
  })
})

describe('a name that is swapped while it is changed', () => {
  beforeEach((context) => {
    needsRoot(context, 'gives files away')
    place.offer('f', anything)
    place.offer('d', folders)
  })

  const changes: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
    ['chown', (path) => files.chown(path, 64_123, 64_124)],
    ['chmod', (path) => files.chmod(path, 0o604)],
    ['truncate', (path) => files.truncate(path, 3)],
    ['sync', (path) => files.sync(path)],
    ['list', (path) => files.list(path, 100)],
    ['makeDirectory', (path) => files.makeDirectory(path, { mode: 0o711, uid: 64_123, gid: 64_124 })],
  ]

  test.each(changes)('%s follows no link', async (what, change) => {
    await race(what, times(1500), async (at) => {
      const path = `${place.inside}/${at % 2 ? 'f' : 'd'}`
      await change(path)
      return 'good'
    })
  })
})

describe('the folder of manifests', () => {
  const good = JSON.stringify({
    apiVersion: 'moorage.dev/v1alpha1',
    kind: 'MicroVMState',
    metadata: { name: 'a' },
    spec: { size: '1Gi' },
  })

  test('with names that are swapped is scanned without waiting and without a device', async (context) => {
    needsRoot(context, 'makes a device node')
    place.offer('a.yaml', ['file', 'fifo', 'device', 'dangling', 'folder', 'loop', 'socket', 'empty'], good)
    place.offer('d', ['folder', 'file', 'fifo', 'loop', 'dangling'])
    writeFileSync(`${place.inside}/b.yaml`, good.replace('"a"', '"b"'))
    const clock = linuxClock()
    await race('scans of manifests', times(400), async () => {
      const tree = await new Scanner(files, clock, place.inside).scan(signal)
      const objects = [...tree.files.values()].flatMap(({ documents }) =>
        documents.map(({ object }) => object?.metadata.name),
      )
      if (objects.some((each) => each !== 'a' && each !== 'b')) return `objects ${objects}`
      return objects.includes('a') ? 'good' : null
    })
  })

  test('with a file that grows while it is read costs no more than its limit', async () => {
    const path = `${place.inside}/grows.yaml`
    writeFileSync(path, '')
    let [read, refused] = [0, 0]
    for (let left = times(60); left > 0; left -= 1) {
      appendFileSync(path, '#'.repeat(40_000))
      const bytes = await files.readFollowing(path, 1 << 20).catch((error: FileError) => error.code)
      if (typeof bytes === 'string') {
        expect(bytes).toBe('EFBIG')
        refused += 1
      } else read += 1
    }
    tell('a growing manifest', { read, refused })
    expect(read * refused).toBeGreaterThan(0)
    expect((await new Scanner(files, linuxClock(), place.inside).scan(signal)).files.get('grows.yaml')?.fault).toMatch(
      'too large',
    )
  })
})

describe('a volume', () => {
  test('whose files are swapped while it is given to a VM gives away nothing else', async (context) => {
    needsRoot(context, 'gives files away')
    mkdirSync(`${place.inside}/a`)
    const record = JSON.stringify({ ...samples.volume, name: 'a', size: goodText.length })
    place.offer('a/data.img', ['file', 'link', 'fifo', 'up', 'dangling', 'loop'])
    place.offer('a/volume.json', ['file', 'link', 'fifo', 'up', 'device'], record)
    const world = { files, random: linuxRandom() } as World
    const volume = {
      ...samples.volume,
      name: 'a',
      size: goodText.length,
      holder: null,
      intent: 'Keep',
      adopt: false,
    } as const
    await race('volumes', times(1500), async () => {
      // A new host each time, since a record that did not change is not read again.
      const host = volumeHost({ world, paths: { volumes: place.inside } })
      try {
        await host.attach({ ...volume, fsType: 'ext4' }, 64_123, signal)
        return 'good'
      } catch (error) {
        if (error instanceof FileError || /cannot be used|belongs to/.test((error as Error).message)) return null
        throw error
      }
    })
  })
})

function imageOf(kernel: string, initrd: string): unknown {
  const source = { hostPath: { kernel: { path: kernel }, initrd: { path: initrd } } }
  return {
    apiVersion: 'moorage.dev/v1alpha1',
    kind: 'MicroVMImage',
    metadata: { name: 'a' },
    spec: { architecture: 'amd64', source },
  }
}
