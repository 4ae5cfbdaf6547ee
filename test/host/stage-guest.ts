import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { TestContext } from 'vitest'
import { bundle } from '../setup/paths.mjs'

/** The guest of examples/guest as `npm test` has built it. */
const guestFolder = resolve(import.meta.dirname, '../..', process.env.MOORAGE_CACHE || '.cache', 'guest')

/** The command under test; another build of it can be named, to see these tests fail. */
export const moorageBundle = process.env.MOORAGE_BUNDLE ?? bundle

/** For `node --require`: tells of every program that is started (see there). */
export const spy = join(import.meta.dirname, 'stage-spy.cjs')

/** Skips where real guests cannot run, saying why. */
export function needsStage(context: TestContext): void {
  context.skip(process.getuid?.() !== 0, 'needs root: makes network namespaces and VMs; run it with sudo')
  context.skip(!existsSync('/usr/bin/qemu-system-x86_64'), 'needs QEMU; apt install qemu-system-x86')
  context.skip(!existsSync(join(guestFolder, 'root.erofs')), `needs the guest in ${guestFolder}; npm test builds it`)
  context.skip(!existsSync(moorageBundle), `needs ${moorageBundle}; run: npm run build`)
}

/**
 * Puts the guest's files into a folder of images: `debian/{vmlinuz,initrd,root.erofs}` and, with the same kernel,
 * `small/{vmlinuz,initrd}`, a guest of 64 MiB that is up in two seconds (see stage-init.sh).
 */
export function putImages(images: string): void {
  const [debian, small] = [join(images, 'debian'), join(images, 'small')]
  for (const folder of [debian, small]) mkdirSync(folder, { recursive: true, mode: 0o755 })
  for (const file of ['vmlinuz', 'initrd', 'root.erofs']) copy(join(guestFolder, file), join(debian, file))
  copy(join(guestFolder, 'vmlinuz'), join(small, 'vmlinuz'))
  const init = readFileSync(join(import.meta.dirname, 'stage-init.sh'))
  // The kernel unpacks one archive after the other: this one replaces the guest's own PID 1.
  const whole = Buffer.concat([readFileSync(join(guestFolder, 'initrd')), gzipSync(archive('init', init, 0o100755))])
  writeFileSync(join(small, 'initrd'), whole, { mode: 0o644 })
}

/** A file of its own: tests rename, replace and damage it. */
function copy(from: string, to: string): void {
  rmSync(to, { force: true })
  writeFileSync(to, readFileSync(from), { mode: 0o644 })
}

/** A cpio archive of one file, in the format that the kernel takes (initramfs buffer format, "newc"). */
function archive(name: string, data: Buffer, mode: number): Buffer {
  return Buffer.concat([entry(name, data, mode), entry('TRAILER!!!', Buffer.alloc(0), 0)])
}

function entry(name: string, data: Buffer, mode: number): Buffer {
  // ino, mode, uid, gid, nlink, mtime, filesize, two device numbers of two parts each, namesize, check.
  const fields = [1, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, name.length + 1, 0]
  const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`
  return Buffer.concat([pad(Buffer.from(head)), pad(data)])
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)])
}
