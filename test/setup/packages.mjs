// @ts-check
/** The Debian packages this project runs on. Those of every Debian (util-linux, coreutils, bash) are not listed. */
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { run } from './run.mjs'

/** A tool that must be there, the package it comes in, and what for. */
const needs = [
  { tool: 'qemu-system-x86_64', package: 'qemu-system-x86', why: 'runs the VMs' },
  { tool: 'nft', package: 'nftables', why: 'their firewall and NAT' },
  { tool: 'ip', package: 'iproute2', why: 'their network' },
  { tool: 'mkfs.ext4', package: 'e2fsprogs', why: 'their disks' },
  { tool: 'setpriv', package: 'util-linux', why: 'takes their privileges away' },
  { tool: 'mmdebstrap', package: 'mmdebstrap', why: 'builds the guest' },
  { tool: 'mkfs.erofs', package: 'erofs-utils', why: 'packs the guest' },
]

/** Beside PATH, since an ordinary user's lacks the folders of the tools of root. */
const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']

/** @param {string} tool */
function isThere(tool) {
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** @param {readonly string[]} words */
const and = (words) => words.join(', ').replace(/, ([^,]*)$/, ' and $1')

/**
 * Installs the packages whose tools are missing.
 * @throws one sentence when that takes another user or another system
 */
export async function ensurePackages() {
  const missing = needs.filter(({ tool }) => !isThere(tool))
  if (missing.length === 0) return
  const names = missing.map((need) => need.package)
  const lacking = `${and(names)} ${names.length === 1 ? 'is' : 'are'} missing`
  if (!isThere('apt-get'))
    throw new Error(
      `${lacking} and this system has no apt-get; install what provides ${and(missing.map((n) => n.tool))}`,
    )
  if (process.getuid?.() !== 0)
    throw new Error(`${lacking} and only root can install packages; run: sudo apt-get install ${names.join(' ')}`)

  console.log(`setup: installing ${and(missing.map((need) => `${need.package} (${need.why})`))} with apt-get`)
  const apt = ['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  await run([...apt, 'update'], { minutes: 10, quiet: true, env })
  await run([...apt, 'install', '--yes', '--no-install-recommends', ...names], { minutes: 20, quiet: true, env })
}
