import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { restingKernel } from './guest.ts'
import { imageManifest, kernelPath } from './manifests.ts'
import { end, pidsOf } from './processes.ts'
import { mountMemory, type Stage } from './stage.ts'
import { attempt, tool } from './tool.ts'

/** The VMM that all figures are about. */
export const vmm = 'qemu-system-x86_64'

/** A root directory for one controller: its state on the disk, its `/run` on a tmpfs, as on any host with systemd. */
export interface Root {
  readonly path: string
  readonly manifests: string
  /** Puts a manifest there whole, by rename; answers the moment of the rename on the clock of `performance.now()`. */
  drop(name: string, text: string): number
  /** Takes one away; answers the moment. */
  take(name: string): number
  /** Puts a folder of manifests there whole. */
  dropFolder(name: string, files: ReadonlyMap<string, string>): number
}

/** A fresh root that knows the resting guest. `config`: lines of config.yaml. */
export function makeRoot(stage: Stage, config = ''): Root {
  const path = mkdtempSync(`${stage.folder}/r`)
  const manifests = join(path, 'etc/moorage/manifests')
  const staging = join(path, 'staging')
  for (const folder of [manifests, staging, join(path, dirname(kernelPath))]) {
    mkdirSync(folder, { recursive: true })
  }
  tool('chmod', '0711', path)
  mountMemory(join(path, 'run'))
  writeFileSync(join(path, kernelPath), restingKernel())
  writeFileSync(join(path, 'etc/moorage/config.yaml'), config)
  writeFileSync(join(manifests, 'image.yaml'), imageManifest)
  return {
    path,
    manifests,
    drop(name, text) {
      writeFileSync(join(staging, name), text)
      const at = performance.now()
      renameSync(join(staging, name), join(manifests, name))
      return at
    },
    take(name) {
      const at = performance.now()
      rmSync(join(manifests, name), { recursive: true })
      return at
    },
    dropFolder(name, files) {
      mkdirSync(join(staging, name))
      for (const [file, text] of files) writeFileSync(join(staging, name, file), text)
      const at = performance.now()
      renameSync(join(staging, name), join(manifests, name))
      return at
    },
  }
}

/** Ends the VMMs of a root whose controller is gone, and clears the network namespace and the folder. */
export async function clearRoot({ path }: Root): Promise<void> {
  await clearHost()
  attempt('umount', '--lazy', join(path, 'run'))
  rmSync(path, { recursive: true, force: true })
}

/** No VMM, no link, no rule: as before the first measurement. */
export async function clearHost(): Promise<void> {
  await end(pidsOf(vmm))
  for (const group of groups()) attempt('ip', 'link', 'del', 'group', String(group))
  tool('nft', 'flush', 'ruleset')
  tool('sysctl', '-qw', 'net.ipv4.ip_forward=0')
}

/** Groups of links other than the kernel's default. */
function groups(): ReadonlySet<number> {
  const links = JSON.parse(tool('ip', '-N', '-j', 'link', 'show') || '[]') as readonly { group?: string }[]
  return new Set(links.map(({ group }) => Number(group ?? 0)).filter((group) => group !== 0))
}
