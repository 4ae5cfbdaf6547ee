import { readFileSync, writeFileSync } from 'node:fs'
import type { RootIdentity } from '../../ledger.ts'
import type { World } from '../world.ts'
import { linuxClock, linuxRandom } from './clock.ts'
import { linuxFiles } from './files.ts'
import { linuxNet } from './net.ts'
import { linuxProcess } from './process.ts'
import { run } from './run.ts'
import { linuxStream } from './stream.ts'
import { linuxWatch } from './watch.ts'

/** This host, for the controller whose root this is; `cgroup`: the folder of the control group that VMs live in, if not ours. */
export function linuxWorld(root: RootIdentity, cgroup: string | null = null): World {
  const clock = linuxClock()
  return {
    net: linuxNet(root, { run, readText, writeText }),
    process: linuxProcess(cgroup),
    files: linuxFiles(),
    stream: linuxStream(),
    watch: linuxWatch({ clock }),
    clock,
    random: linuxRandom(),
  }
}

/** A file of /proc/sys, whole. */
async function readText(path: string): Promise<string> {
  return readFileSync(path, 'utf8')
}

/** Into a file of /proc/sys, which takes a value in one write(2). */
async function writeText(path: string, text: string): Promise<void> {
  writeFileSync(path, text)
}
