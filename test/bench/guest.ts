/**
 * A guest that costs nothing: a Linux boot image (x86 boot protocol 2.12, two sectors) whose code is `cli; hlt`. On
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
  image.set([0xfa, 0xf4, 0xeb, 0xfd], code) // cli; 1: hlt; jmp 1b
  return image
}

/** Where the code stands, past the header. */
const code = 0x264
