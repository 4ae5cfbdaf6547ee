import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A guest that costs nothing: a Linux boot image (x86 boot protocol 2.12, two sectors) that stops the clock and halts. On
 * QEMU's microvm it is there 2 ms after the first instruction and never runs again, so that what is measured is control.
 */
export function restingKernel(): Uint8Array {
  const image = Buffer.alloc(1024 + 16)
  image[0x1f1] = 1 // setup sectors
  image.writeUInt16LE(0xaa55, 0x1fe)
  image.set([0xeb, code - 0x202], 0x200) // jmp over the header
  image.write('HdrS', 0x202)
  image.writeUInt16LE(0x020c, 0x206)
  image[0x211] = 1 // loaded high
  image.writeUInt32LE(0x100000, 0x214)
  image.writeUInt32LE(0x37ffffff, 0x22c) // where an initrd may end
  image.set(rest, code)
  return image
}

/** Where the code stands, past the header. */
const code = 0x264

/**
 * The interval timer is set to fire once and no more: the firmware leaves it ticking 18 times a second, and QEMU wakes up
 * twice for each tick, which makes ten busy processors of a thousand VMs.
 */
const rest = [
  ...[0xfa, 0xb0, 0x30, 0xe6, 0x43], // cli; mov $0x30,%al; out %al,$0x43: channel 0, mode 0
  ...[0x30, 0xc0, 0xe6, 0x40, 0xe6, 0x40], // xor %al,%al; out %al,$0x40, twice: 65536 ticks, 55 ms
  ...[0xf4, 0xeb, 0xfd], // 1: hlt; jmp 1b
]

/** Puts it where stages take the guest of `npm test` from; a tool has a cache of its own (see test/setup/tool.mjs). */
export function putGuest(cache: string): void {
  if (!cache.startsWith('/tmp/'))
    throw new Error('its cache is none of a tool; run it as: npm run bench or npm run chaos')
  const folder = join(cache, 'guest')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'vmlinuz'), restingKernel())
  for (const name of ['initrd', 'root.erofs']) writeFileSync(join(folder, name), '')
}
