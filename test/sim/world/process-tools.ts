import type { RunResult, RunSpec } from '../../../src/world/process.ts'
import type { MemoryFiles } from '../../world/memory-files.ts'

/** Plays one run of a program to its end; what it throws is what the caller gets. */
export type Tool = (spec: RunSpec) => RunResult

/** The tools that a controller runs, by the name behind the last slash; more may be set, these replaced. */
export function plainTools(files: MemoryFiles): Map<string, Tool> {
  const maker =
    (fsType: string): Tool =>
    (spec) =>
      makeFileSystem(files, fsType, spec)
  return new Map<string, Tool>([
    ['uname', () => said('x86_64\n')],
    ['mkfs.ext4', maker('ext4')],
    ['mkfs.xfs', maker('xfs')],
    ['mkfs.btrfs', maker('btrfs')],
    // The trial of src/host/kvm.ts, when there is a /dev/kvm: the guest came to its end.
    ['prlimit', () => ({ code: 33, stdout: '', stderr: '' })],
  ])
}

export function said(stdout: string): RunResult {
  return { code: 0, stdout, stderr: '' }
}

/** What `mkfs` leaves at the start of an image here. */
export function fileSystemMark(fsType: string, label: string | null): string {
  return `simulated ${fsType} ${label ?? ''}\n`
}

/** A mark in the image's first bytes, its size unchanged; nothing is synced. */
function makeFileSystem(files: MemoryFiles, fsType: string, { argv }: RunSpec): RunResult {
  const image = argv.at(-1) ?? ''
  const node = files.at(image)
  if (node?.type !== 'file') return { code: 1, stdout: '', stderr: `mkfs: ${image}: No such file or directory\n` }
  const label = argv.indexOf('-L')
  node.bytes = new TextEncoder().encode(fileSystemMark(fsType, label < 0 ? null : (argv[label + 1] ?? '')))
  return said('')
}
