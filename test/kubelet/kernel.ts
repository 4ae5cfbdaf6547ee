/**
 * A kernel for emulation within emulation, where Linux boots for minutes: it writes one line on the first serial line and
 * halts. Laid out as the boot protocol of Linux for x86 says (Documentation/arch/x86/boot.rst): a boot sector, one sector
 * of setup, which is entered in real mode with CS at its begin, and some of a kernel that nobody runs.
 */
export function haltingKernel(line: string): Buffer {
  const sector = 512
  const image = Buffer.alloc(3 * sector)
  image[0x1f1] = 1
  image.writeUInt16LE(0xaa55, 0x1fe)
  // jmp over the header to 0x280.
  image.set([0xeb, 0x7e], 0x200)
  image.write('HdrS', 0x202, 'latin1')
  image.writeUInt16LE(0x0202, 0x206)
  image[0x211] = 1
  image.set(code, 0x280)
  image.write(`${line}\r\n\0`, 0x280 + code.length, 'latin1')
  return image
}

/**
 * `cli; push %cs; pop %ds; cld; mov $text,%si; mov $0x3f8,%dx; 1: lodsb; test %al,%al; jz 2f; out %al,(%dx); jmp 1b;
 * 2: hlt; jmp 2b`; the text follows.
 */
const code = Buffer.from('fa0e1ffcbe9500baf803ac84c07403eeebf8f4ebfd', 'hex')
