import { release } from 'node:os'
import type { Paths } from '../controller/paths.ts'
import { longestRoot } from '../controller/paths.ts'
import type { Files } from '../world/files.ts'
import { findProgram } from '../world/linux/program.ts'

/** One thing that was looked at on this host. */
export interface Check {
  readonly name: string
  /** `fail`: VMs cannot run for it. `warn`: something will not, or not well. */
  readonly state: 'ok' | 'warn' | 'fail'
  /** What is so; for what is not well also what to do, one sentence. */
  readonly says: string
}

/** Programs without which no VM runs, with the Debian package that has each. */
const needed: readonly (readonly [string, string])[] = [
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['setpriv', 'util-linux'],
  ['prlimit', 'util-linux'],
  ['flock', 'util-linux'],
]

const oldestKernel = [5, 10] as const

/** What can be seen at once, before anything is made or started. Changes nothing. */
export async function quickChecks(files: Files, paths: Paths): Promise<readonly Check[]> {
  const programs = [...needed, ['qemu-system-x86_64', 'qemu-system-x86'] as const]
  return [
    checkUser(process.getuid?.() ?? -1),
    checkKernel(release()),
    await checkTun(files),
    ...programs.map(([name, from]) => checkProgram(name, from, 'fail')),
    ...(await checkRoot(files, paths)),
  ]
}

/** Network, links and other users' processes are root's to change. */
export function checkUser(uid: number): Check {
  if (uid === 0) return ok('user', 'root')
  return fail('user', `uid ${uid} may not make interfaces and VMs; run it with sudo`)
}

/** nftables with concatenated sets and everything else here is in every kernel since Debian 11's. */
export function checkKernel(version: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const isOld = major < oldestKernel[0] || (major === oldestKernel[0] && minor < oldestKernel[1])
  if (!isOld) return ok('kernel', version)
  return fail('kernel', `kernel ${version} is too old; use ${oldestKernel.join('.')} or newer`)
}

/** Without it there is no TAP. */
export async function checkTun(files: Files): Promise<Check> {
  const path = '/dev/net/tun'
  const stat = await files.statFollowing(path)
  if (stat === null) {
    const how = 'load it with: modprobe tun; in a container add --device /dev/net/tun'
    return fail('tun', `${path} is not there, so no VM gets a network; ${how}`)
  }
  const mode = (stat.mode & 0o777).toString(8)
  if ((stat.mode & 0o006) === 0o006) return ok('tun', `${path} is there (mode ${mode})`)
  // As udev has it everywhere: who may open it may attach only to a TAP that is his.
  return fail(
    'tun',
    `VMs run as users of their own and may not open ${path} (mode ${mode}); allow it with: chmod 666 ${path}`,
  )
}

/** Whether a program is where we look for it. */
export function checkProgram(name: string, from: string, otherwise: 'warn' | 'fail'): Check {
  try {
    return ok(name, findProgram(name))
  } catch {
    return { name, state: otherwise, says: `${name} is not installed; install it with: apt-get install ${from}` }
  }
}

/** The root's path leaves room for sockets, and VMs, which run as users of their own, may pass through it. */
export async function checkRoot(files: Files, { root }: Paths): Promise<readonly Check[]> {
  if (root === '') return []
  if (Buffer.byteLength(root) > longestRoot) {
    return [
      fail(
        'root',
        `--root ${root} has ${Buffer.byteLength(root)} bytes and sockets leave room for ${longestRoot}; take a shorter one`,
      ),
    ]
  }
  const parts = root.split('/').slice(1)
  const folders = parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)
  for (const folder of folders) {
    const stat = await files.statFollowing(folder)
    if (stat === null) break
    if (stat.type !== 'directory') return [fail('root', `${folder} is no folder; take another --root`)]
    if ((stat.mode & 0o001) === 0) {
      const mode = (stat.mode & 0o7777).toString(8)
      return [
        fail(
          'root',
          `VMs run as users of their own and may not pass ${folder} (mode ${mode}); allow it with: chmod o+x ${folder}`,
        ),
      ]
    }
  }
  return [ok('root', root)]
}

export function ok(name: string, says: string): Check {
  return { name, state: 'ok', says }
}

export function warn(name: string, says: string): Check {
  return { name, state: 'warn', says }
}

export function fail(name: string, says: string): Check {
  return { name, state: 'fail', says }
}
