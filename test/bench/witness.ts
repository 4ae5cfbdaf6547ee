import { type ChildProcess, spawn } from 'node:child_process'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Root } from './root.ts'

/** Sees whatever changes on the host: links, addresses, rules, and files of a root. */
export interface Witness {
  /** What changed since it began, a line each. */
  changes(): Promise<readonly string[]>
  close(): void
}

/** Milliseconds until the monitors listen, and until the last of what happened has been printed. */
const settling = 300

/** Folders of a root that hold what must not change by itself; `run` holds what VMMs write. */
const kept = ['etc', 'var']

export async function openWitness({ path }: Root): Promise<Witness> {
  const seen: string[] = []
  const monitors = [watch(['ip', 'monitor', 'link', 'address'], seen), watch(['nft', 'monitor'], seen)]
  await sleep(settling)
  const before = stampsOf(path)
  return {
    async changes() {
      await sleep(settling)
      const after = stampsOf(path)
      const touched = [...after].filter(([file, stamp]) => before.get(file) !== stamp).map(([file]) => file)
      const removed = [...before.keys()].filter((file) => !after.has(file))
      return [...seen, ...touched, ...removed]
    },
    close() {
      for (const monitor of monitors) monitor.kill('SIGKILL')
    },
  }
}

function watch([program = '', ...args]: readonly string[], seen: string[]): ChildProcess {
  // On stderr ip(8) tells of other people's namespaces.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen.push(...text.split('\n').filter((line) => line !== ''))
  })
  return child
}

function stampsOf(root: string): ReadonlyMap<string, string> {
  const names = kept.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(root, folder, name)),
  )
  return new Map(
    names.map((name) => {
      const { ino, mtimeMs, size } = lstatSync(name)
      return [name, `${ino} ${mtimeMs} ${size}`]
    }),
  )
}
