import { resolve } from 'node:path'
import { type Paths, pathsOf } from '../controller/paths.ts'
import type { Clock, Random } from '../world/clock.ts'
import type { Files } from '../world/files.ts'
import { linuxClock, linuxRandom } from '../world/linux/clock.ts'
import { linuxFiles } from '../world/linux/files.ts'
import { linuxStream } from '../world/linux/stream.ts'
import type { Stream } from '../world/stream.ts'

/** What every command has: the root it speaks of, the ports it needs, and where it prints. */
export interface Context {
  readonly paths: Paths
  readonly files: Files
  readonly stream: Stream
  readonly clock: Clock
  readonly random: Random
  /** Whether people look at it. */
  readonly terminal: { readonly input: boolean; readonly output: boolean; readonly error: boolean }
  /** To stdout, as it is. */
  out(text: string): void
  /** A line to stderr. */
  note(line: string): void
}

/** The context of one invocation. `root`: what `--root` says, undefined for `/`. */
export function openContext(root: string | undefined): Context {
  return {
    paths: pathsOf(resolve(root ?? '/')),
    files: linuxFiles(),
    stream: linuxStream(),
    clock: linuxClock(),
    random: linuxRandom(),
    terminal: {
      input: process.stdin.isTTY === true,
      output: process.stdout.isTTY === true,
      error: process.stderr.isTTY === true,
    },
    out: (text) => void process.stdout.write(text),
    note: (line) => void process.stderr.write(`${line}\n`),
  }
}

/** ` --root DIR` to append to a command that is shown; empty for `/`. */
export function rootOption({ root }: Paths): string {
  return root === '' ? '' : ` --root ${root}`
}
