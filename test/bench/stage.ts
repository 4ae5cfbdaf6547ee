import { chmodSync, existsSync, mkdirSync, readlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { tool } from './tool.ts'

/** Where everything happens: namespaces that end with us, and a folder that is removed behind us. */
export interface Stage {
  /** A short path, since sockets are made below it; everybody may pass. On a disk, as a root is. */
  readonly folder: string
  /** The C program. */
  readonly bare: string
  /** The bundled command line. */
  readonly moorage: string
  /** VMMs that start at a time: one for each processor, as the controller does. */
  readonly flight: number
  /** Repetitions are multiplied by this. */
  readonly effort: number
  /** VMs of the figures at scale. */
  readonly scale: number
  /** Progress, for whoever waits. */
  say(line: string): void
}

/** How often something is repeated that is worth `times` repetitions. */
export function repetitions({ effort }: Stage, times: number): number {
  return Math.max(1, Math.round(times * effort))
}

/** Makes the namespaces usable. Refuses to work in those of the host, since it ends every VMM it finds. */
export function openStage(stage: Stage): Stage {
  if (process.ppid !== 1 || basename(readlinkSync('/proc/1/exe')) !== 'bare') {
    throw new Error('this ends every VMM in its PID namespace; run it as: npm run bench')
  }
  chmodSync(stage.folder, 0o711)
  // /sys shows the links of the namespace that mounted it.
  tool('mount', '-t', 'sysfs', 'sysfs', '/sys')
  tool('ip', 'link', 'set', 'dev', 'lo', 'up')
  openTun(stage.folder)
  return stage
}

/** A folder on a tmpfs, as `/run` is on any host with systemd. */
export function mountMemory(path: string): void {
  mkdirSync(path, { recursive: true })
  tool('mount', '-t', 'tmpfs', '-o', 'mode=0711', 'tmpfs', path)
}

/** A device node that VMs may open, as udev makes it, without touching the host's. */
function openTun(folder: string): void {
  const [device, own] = ['/dev/net/tun', join(folder, 'tun')]
  if (!existsSync(device)) throw new Error('/dev/net/tun is not there; load it with: modprobe tun')
  tool('mknod', '-m', '0666', own, 'c', '10', '200')
  tool('mount', '--bind', own, device)
}
