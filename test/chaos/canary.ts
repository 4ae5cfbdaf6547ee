import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { filesWith, processesWith, textsWith } from '../host/stage-search.ts'
import type { Scene } from './scene.ts'
import { secretValue, valuesFor, type Wish, wantsToRun } from './wish.ts'

/** Where values may rest: manifests, the file they came from, the accepted versions of Secrets. */
const places = [
  /^etc\/moorage\/manifests\/s[12]\.yaml 600 0$/,
  /^run\/secrets\/f1 400 0$/,
  /^var\/lib\/moorage\/secrets\/accepted\/[0-9a-f-]+\.[0-9a-f]{8} 400 0$/,
]

/** Every place where a secret value is and may not be, and every VM that has not the newest one. */
export async function wrongSecrets(scene: Scene, wish: Wish): Promise<readonly string[]> {
  const { stage, seed } = scene
  const values = Object.entries(wish.versions).flatMap(([source, newest]) =>
    Array.from({ length: newest }, (_, index) => Buffer.from(secretValue(seed, source, index + 1))),
  )
  const texts: Record<string, string> = {}
  for (const path of ['/v1/objects', '/v1/plan', '/v1/problems']) {
    texts[path] = JSON.stringify(await stage.ask('GET', path))
  }
  const files = filesWith(values, stage.root)
  const stray = files.filter((line) => !places.some((place) => place.test(line)))
  // The two manifests, the two stored Secrets and the file: a search that finds less is blind.
  const blind = files.length < 5 ? [`the search for canaries is blind: it found only ${files}`] : []
  const shown = [...stray, ...textsWith(values, texts), ...processesWith(values)]
  return [...shown.map((where) => `I10: a secret value stands in ${where}`), ...blind, ...stale(scene, wish)]
}

/** What a VMM was given at its start is in its memory as long as it lives. */
function stale({ stage, seed }: Scene, wish: Wish): readonly string[] {
  return Object.values(wish.vms)
    .filter(wantsToRun)
    .flatMap((vm) => {
      const values = valuesFor(seed, wish, vm)
      if (values.length === 0) return []
      const missing = missingIn(stage.pidOf(vm.name), values)
      return missing.map((value) => `I13: ${vm.name} was not started with ${value}`)
    })
}

/** Bytes of a mapping that are looked through; the guest's memory and the translation buffer are larger. */
const most = 12 << 20

/** Those values that are not in the writable memory of a process. */
function missingIn(pid: number, values: readonly string[]): readonly string[] {
  let missing = values
  const memory = openSync(`/proc/${pid}/mem`, 'r')
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw-p .* 0 +(\[heap\])?$/.exec(line) ?? []
      if (from === undefined || to === undefined || missing.length === 0) continue
      const start = Number.parseInt(from, 16)
      const size = Number.parseInt(to, 16) - start
      if (size > most) continue
      const bytes = Buffer.alloc(size)
      readSync(memory, bytes, 0, size, start)
      missing = missing.filter((value) => !holds(bytes, value))
    }
  } finally {
    closeSync(memory)
  }
  return missing
}

/** As it is, or in base64 as credentials travel in OEM strings. */
function holds(bytes: Buffer, value: string): boolean {
  return bytes.includes(value) || bytes.includes(Buffer.from(value).toString('base64').replace(/=+$/, ''))
}
