import { chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Capture, CapturedVm } from './capture.ts'
import { restingKernel } from './guest.ts'
import { mountMemory, type Stage } from './stage.ts'
import { attempt, tool } from './tool.ts'

/** The bare reference, ready to make what a controller made. See bare.c. */
export interface Bare {
  /** Milliseconds from nothing to the answer of every VMM, and of it for links and rules. */
  start(options?: BareStart): BareStarted
  /** Milliseconds until VMMs that {@link start} made and the links are gone. */
  stop(started: BareStarted): number
  /** Takes what it stands on away. */
  close(): void
}

export interface BareStart {
  /** `-S`, as the issue asks; otherwise the guests begin to run. Default true. */
  readonly paused?: boolean
  /** Links and rules too; otherwise they are there. Default true. */
  readonly network?: boolean
  /** So many VMs of the capture only, from its first. Default all. */
  readonly count?: number
}

export interface BareStarted {
  readonly ms: number
  readonly network: number
  /** Milliseconds of CPU beside those of the VMMs. */
  readonly cpu: number
  readonly pids: readonly number[]
}

/** Lays out what `bare start` reads: a folder for each VM with what its command line asks for. */
export function openBare({ folder, bare, flight }: Stage, { vms, group, links, rules }: Capture): Bare {
  const base = join(folder, 'bare')
  mountMemory(base)
  writeFileSync(join(base, 'kernel'), restingKernel(), { mode: 0o444 })
  writeFileSync(join(base, 'links'), links)
  writeFileSync(join(base, 'rules'), rules)
  const layOut = (paused: boolean) => vms.map((vm, index) => writeVm(join(base, String(index)), vm, paused))
  return {
    start({ paused = true, network = true, count = vms.length } = {}) {
      const directories = layOut(paused).slice(0, count)
      const those = directories.flatMap((directory, index) => [String(vms[index]!.user), directory])
      const files = network ? [join(base, 'links'), join(base, 'rules')] : ['-', '-']
      return JSON.parse(tool(bare, 'start', ...files, String(flight), ...those)) as BareStarted
    },
    stop({ pids }) {
      const those = pids.flatMap((pid, index) => [String(pid), join(base, String(index))])
      return (JSON.parse(tool(bare, 'stop', String(group), ...those)) as { ms: number }).ms
    },
    close() {
      attempt('umount', '--lazy', base)
      rmSync(base, { recursive: true, force: true })
    },
  }
}

/** The same command line with another folder, and in that folder what the VMM opens. */
function writeVm(directory: string, { argv, user, directory: theirs, kernel }: CapturedVm, paused: boolean): string {
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { mode: 0o711 })
  const ours = argv
    .filter((word) => paused || word !== '-S')
    .map((word) => word.replaceAll(theirs, directory).replaceAll(kernel, join(dirname(directory), 'kernel')))
  writeFileSync(join(directory, 'argv'), ours.map((word) => `${word}\0`).join(''))
  for (const [file, text] of [
    ['console.log', ''],
    ['events.log', ''],
    ['events.in', '{"execute":"qmp_capabilities"}\n'],
  ] as const) {
    writeFileSync(join(directory, file), text, { mode: 0o600 })
    chownSync(join(directory, file), user, user)
  }
  symlinkSync('/dev/null', join(directory, 'events.out'))
  return directory
}
