import type { Kvm } from '../hypervisor/driver.ts'
import type { Stat } from '../world/files.ts'
import { unprivileged } from '../world/unprivileged.ts'
import type { World } from '../world/world.ts'

/** Where the probe may put its firmware, and as whom it runs: what root may open, a VM may not. */
export interface ProbePlace {
  /** A directory through which `user` may pass. */
  readonly directory: string
  /** Unix uid (and gid) of a VM. */
  readonly user: number
}

/**
 * Whether guests run under KVM, by running one. A device node says nothing: there are hosts whose KVM emulates instructions
 * one by one, where a kernel sits in its decompressor for minutes. So the probe goes to long mode with paging, counts
 * down from 33.5 million, and has two seconds for what takes a tenth (TCG: 0.3 s).
 */
export async function probeKvm(
  { files, process }: World,
  qemu: string | null,
  { directory, user }: ProbePlace,
  signal: AbortSignal,
): Promise<Kvm> {
  const device = await files.stat('/dev/kvm')
  if (device === null) return no('/dev/kvm is not there; load kvm_intel or kvm_amd')
  if (qemu === null) return no('qemu is not installed, so it cannot be tried')
  const firmware = `${directory}/kvm-probe.bin`
  await files.remove(firmware)
  await files.create(firmware, probeFirmware(), { mode: 0o444 })
  try {
    const group = groupOf(device)
    const argv = [...asVm(user, group), qemu, ...probeArguments, '-bios', firmware.replaceAll(',', ',,')]
    const { code, stderr } = await process.run({ argv, timeout: deadline }, signal)
    return code === success ? { usable: true, why: 'a guest ran under it', group } : no(explain(code, stderr, user))
  } catch (error) {
    if (signal.aborted) throw error
    return no(`a trial guest did not come to its end: ${(error as Error).message}`)
  } finally {
    await files.remove(firmware)
  }
}

/** Milliseconds. */
const deadline = 2000

/** isa-debug-exit ends QEMU with twice the value written, plus one; the firmware writes 16. */
const success = 33

const probeArguments = [
  ...['-machine', 'q35', '-accel', 'kvm', '-cpu', 'host', '-m', '16', '-nodefaults', '-no-user-config'],
  ...['-display', 'none', '-no-reboot', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
]

/**
 * The group that may open the device although not everybody may: `kvm` where udev makes it so. Root's own is none that a
 * VM could have.
 */
function groupOf({ mode, gid }: Stat): number | null {
  return (mode & 0o066) === 0o060 && gid !== 0 ? gid : null
}

function asVm(user: number, group: number | null): string[] {
  const groups = group === null ? [] : [group]
  return ['prlimit', '--core=1:1', '--', 'setpriv', ...unprivileged({ uid: user, gid: user, groups }), '--']
}

function explain(code: number, stderr: string, user: number): string {
  if (/permission denied/i.test(stderr)) {
    return `uid ${user}, as which VMs run, may not open /dev/kvm; allow it with a udev rule, or now with: chmod 666 /dev/kvm`
  }
  const words = stderr.trim().split('\n')[0]?.slice(0, 200)
  return `a trial guest failed with code ${code}${words ? `: ${words}` : ''}`
}

function no(why: string): Kvm {
  return { usable: false, why, group: null }
}

/**
 * 64 KiB that end at the reset vector. From real mode to protected to long mode with one identity-mapped 2 MiB page, then
 * `mov $0x2000000,%ecx; 1: dec %ecx; jnz 1b; mov $0xf4,%edx; mov $0x10,%al; out %al,(%dx)`, and its descriptor table.
 */
function probeFirmware(): Uint8Array {
  const firmware = new Uint8Array(0x10000)
  firmware.set(bytes(code), 0xff00)
  firmware.set(bytes(resetVector), 0xfff0)
  return firmware
}

const code = [
  'fa8cc88ed8660f0116b0ff0f20c00c010f22c066ea1bff0f000800b8100000008ed88ec08ed031c0bf001000000f22df',
  'b9000c0000fcf3abc7050010000003200000c7050020000003300000c7050030000083000000b8200000000f22e0b9800000c0',
  '0f320fbae8080f300f20c00fbae81f0f22c0ea7cff0f001800b900000002ffc975fcbaf4000000b010eef4ebfd',
  '0000000000000000ffff0000009bcf00ffff00000093cf00ffff0000009baf001f0090ff0f00',
].join('')

/** jmp 0xf000:0xff00 */
const resetVector = 'ea00ff00f0'

function bytes(hex: string): number[] {
  return hex.match(/../g)!.map((pair) => Number.parseInt(pair, 16))
}
