import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync, writeSync } from 'node:fs'
import type { Stage } from '../host/stage.ts'
import { policyOf, type Wish } from './wish.ts'

/** Knows each volume from when it was first seen, and has written into it, as a guest would. */
export interface Volumes {
  /** Marks those that are new. */
  look(): void
  /** What is not as it was, a sentence each. */
  wrong(wish: Wish): readonly string[]
}

export function watchVolumes({ state }: Stage): Volumes {
  const folder = `${state}/volumes`
  const known = new Map<string, string>()
  const names = () => (existsSync(folder) ? readdirSync(folder) : [])
  return {
    look() {
      for (const name of names().filter((one) => !one.startsWith('.') && !known.has(one))) {
        mark(`${folder}/${name}/data.img`, name)
        known.set(name, identityOf(`${folder}/${name}`))
      }
    },
    wrong({ states, deleted }) {
      const there = names()
      const kept = new Set([...states, ...deleted.filter((name) => policyOf(name) === 'Retain')])
      const strange = there.filter((name) => !known.has(name) || !kept.has(stateOf(name)))
      return [
        ...strange.map((name) => `I11: volumes/${name} is there and nobody asked for it`),
        ...[...known].flatMap(([name, identity]) => {
          if (!kept.has(stateOf(name))) return []
          const now = there.includes(name) ? identityOf(`${folder}/${name}`) : 'gone'
          const wrong = now === identity ? [] : [`I6: volume ${name} is ${now}, was ${identity}`]
          return now === 'gone' || isMarked(`${folder}/${name}/data.img`, name)
            ? wrong
            : [...wrong, `I6: the bytes of volume ${name} are lost`]
        }),
      ]
    },
  }
}

/** `<state>-<8 hex>`. */
export function stateOf(volume: string): string {
  return volume.replace(/-[0-9a-f]{8}$/, '')
}

/** Whose it is, and which file. */
function identityOf(folder: string): string {
  const { ownerUid, name } = JSON.parse(readFileSync(`${folder}/volume.json`, 'utf8')) as Record<string, unknown>
  const { ino, size } = statSync(`${folder}/data.img`)
  return `${name} of ${ownerUid}, inode ${ino}, ${size} bytes`
}

const markOf = (name: string) => Buffer.from(`these bytes are the guest's: ${name}`)

function mark(path: string, name: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, markOf(name), 0, null, 1 << 20)
  closeSync(file)
}

function isMarked(path: string, name: string): boolean {
  const wanted = markOf(name)
  const found = Buffer.alloc(wanted.length)
  const file = openSync(path, 'r')
  readSync(file, found, 0, found.length, 1 << 20)
  closeSync(file)
  return found.equals(wanted)
}
