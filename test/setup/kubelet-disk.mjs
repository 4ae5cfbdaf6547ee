// @ts-check
/**
 * The disk of a node: Debian with systemd, containerd, kubelet and kube-proxy, configured by test/kubelet/node, and the images
 * in containerd already, since an emulated node would unpack them for minutes.
 *
 * `node test/setup/kubelet-disk.mjs TOOLS DISK` makes it, in a mount namespace of its own.
 */

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildImages, ensureTree, imageDigest } from './kubelet-image.mjs'
import { ensureKubelet } from './kubelet-tools.mjs'
import { cache, checkout } from './paths.mjs'
import { run, script } from './run.mjs'

const folder = join(cache, 'kubelet')
const files = join(checkout, 'test/kubelet/node')

const packages = [
  ...[
    'systemd',
    'systemd-sysv',
    'dbus',
    'udev',
    'kmod',
    'procps',
    'mount',
    'iproute2',
    'nftables',
    'iptables',
    'conntrack',
  ],
  ...['linux-image-cloud-amd64', 'runc', 'containernetworking-plugins', 'apparmor'],
]

const programs = /** @type {const} */ ([
  'kubelet',
  'kube-proxy',
  'containerd',
  'containerd-shim-runc-v2',
  'ctr',
  'devices',
])

/**
 * What a node boots from; made unless it is there for the present sources.
 *
 * @returns {Promise<{ disk: string, kernel: string, initrd: string, scheduler: string }>}
 */
export async function ensureNodeDisk() {
  const tools = await ensureKubelet()
  const tree = await ensureTree('node', packages)
  const hash = createHash('sha256')
    .update(await imageDigest())
    .update(Object.values(tools).join())
  for (const name of readdirSync(files, { recursive: true, encoding: 'utf8' }).toSorted()) {
    const path = join(files, name)
    if (statSync(path).isFile()) hash.update(`${name}\0`).update(readFileSync(path))
  }
  const disk = join(folder, `node-${hash.digest('hex').slice(0, 12)}.img`)
  if (!existsSync(disk)) {
    for (const old of readdirSync(folder).filter((name) => name.endsWith('.img'))) rmSync(join(folder, old))
    const argv = [process.execPath, import.meta.filename, JSON.stringify(tools), tree, disk]
    const code = await run(['unshare', '--mount', '--propagation', 'private', ...argv], { minutes: 40 })
    if (code !== 0) throw new Error('the disk of a node was not made; what came of it is above')
  }
  const boot = join(tree, 'boot')
  const find = (/** @type {string} */ begin) =>
    join(boot, readdirSync(boot).find((name) => name.startsWith(begin)) ?? begin)
  return { disk, kernel: find('vmlinuz-'), initrd: find('initrd.img-'), scheduler: tools['kube-scheduler'] }
}

/** @param {Awaited<ReturnType<typeof ensureKubelet>>} tools @param {string} tree @param {string} disk */
async function makeDisk(tools, tree, disk) {
  const archives = await buildImages(tools.pause)
  console.log(`setup: making the disk of a node in ${disk}`)
  const fresh = `${disk}.${process.pid}`
  const mounted = mkdtempSync(join(tmpdir(), 'moorage-node-'))
  const quiet = { minutes: 10, quiet: true }
  try {
    await run(['truncate', '-s', '8G', fresh], quiet)
    await run(['mkfs.ext4', '-q', '-F', '-L', 'node', '-E', 'lazy_itable_init=1,lazy_journal_init=1', fresh], quiet)
    await run(['mount', '-o', 'loop', fresh, mounted], quiet)
    try {
      await run(['cp', '-a', `${tree}/.`, mounted], quiet)
      cpSync(files, mounted, { recursive: true })
      for (const name of programs) cpSync(tools[name], join(mounted, 'usr/local/bin', name))
      writeFileSync(join(mounted, 'etc/hostname'), 'node-a\n')
      writeFileSync(join(mounted, 'etc/hosts'), '127.0.0.1 localhost node-a\n')
      rmSync(join(mounted, 'etc/resolv.conf'), { force: true })
      writeFileSync(join(mounted, 'etc/resolv.conf'), '')
      const units = ['containerd.service', 'command.socket', 'systemd-networkd.service']
      await run(['chroot', mounted, 'systemctl', 'enable', ...units], quiet)
      await run(
        [
          'chroot',
          mounted,
          'systemctl',
          'mask',
          'systemd-firstboot.service',
          'apt-daily.timer',
          'apt-daily-upgrade.timer',
        ],
        quiet,
      )
      await importImages(tools, mounted, archives)
    } finally {
      await run(['umount', mounted], quiet)
    }
    renameSync(fresh, disk)
  } finally {
    rmSync(mounted, { recursive: true })
    rmSync(fresh, { force: true })
  }
}

/**
 * Unpacks images into the containerd of a mounted node. Nothing runs in containers here.
 *
 * @param {{ containerd: string, ctr: string }} tools
 * @param {string} mounted
 * @param {readonly string[]} archives
 */
async function importImages({ containerd, ctr }, mounted, archives) {
  const own = mkdtempSync(join(tmpdir(), 'moorage-containerd-'))
  const config = join(own, 'config.toml')
  const address = join(own, 'containerd.sock')
  const root = join(mounted, 'var/lib/containerd')
  mkdirSync(root, { recursive: true })
  writeFileSync(
    config,
    `version = 3
root = '${root}'
state = '${join(own, 'state')}'
disabled_plugins = ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images', 'io.containerd.cri.v1.runtime']
[grpc]
address = '${address}'
[ttrpc]
address = '${address}.ttrpc'
`,
  )
  const child = spawn(containerd, ['--config', config], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  try {
    for (const until = Date.now() + 30_000; !existsSync(address) && Date.now() < until; ) await sleep(100)
    for (const archive of archives) {
      const load = ['--namespace', 'k8s.io', 'images', 'import', '--local', '--platform', 'linux/amd64', archive]
      await run([ctr, '--address', address, ...load], { minutes: 5, quiet: true })
    }
  } finally {
    child.kill('SIGTERM')
    await ended
    rmSync(own, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  await script('kubelet-disk', () => {
    const [tools = '{}', tree = '', disk = ''] = process.argv.slice(2)
    return makeDisk(JSON.parse(tools), tree, disk)
  })
}
