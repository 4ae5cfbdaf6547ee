import type { Boot } from '../host-state.ts'
import { type Command, type Place, placeFiles } from './driver.ts'
import { doubleCommas, planCredentials } from './qemu-credentials.ts'
import { blockDevices, networkDevices, otherDevices, rewirings } from './qemu-devices.ts'

/** argv for a VM that starts paused, and the files it wants to find. One block of arguments for each concern. */
export function qemuCommand(boot: Boot, place: Place): Command {
  const credentials = planCredentials(boot, place.directory)
  return {
    argv: [
      place.program.path,
      ...identity(boot),
      ...confinement,
      ...machine(boot, place),
      ...kernel(boot, place),
      ...endings,
      ...channels(place),
      ...blockDevices(boot),
      ...networkDevices(boot),
      ...otherDevices(boot),
      ...credentials.argv,
    ],
    credentialFiles: credentials.files,
    plainFiles: [
      { file: `${journalPipe}.in`, text: '{"execute":"qmp_capabilities"}\n' },
      { file: `${journalPipe}.out`, target: '/dev/null' },
    ],
    rewirings: rewirings(boot),
  }
}

function identity({ name, uuid }: Boot): string[] {
  // A uid need not be a UUID, and then the guest has none.
  const known = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid) ? ['-uuid', uuid] : []
  return ['-name', `guest=${name},process=${name},debug-threads=on`, ...known]
}

const confinement = [
  ...['-nodefaults', '-no-user-config', '-display', 'none'],
  ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
]

function machine({ qemu, vcpu, memory }: Boot, { accel }: Place): string[] {
  // What no guest of ours uses is not there to be attacked.
  const type = qemu.machine === 'q35' ? 'q35,vmport=off,sata=off,smbus=off' : 'microvm'
  return [
    ...['-machine', `${type},dump-guest-core=off`],
    // QEMU's own choice for the translation buffer would double a small guest's memory; with less than this it starts over
    // and over, and a boot takes a quarter longer (at 32) or twice as long (at 16).
    ...(accel === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,tb-size=64', '-cpu', 'max']),
    ...['-smp', `cpus=${vcpu}`, '-m', `size=${Math.floor(memory / 1024)}K`],
    '-S',
  ]
}

function kernel(boot: Boot, place: Place): string[] {
  const initrd = boot.initrd === null ? [] : ['-initrd', boot.initrd]
  return ['-kernel', boot.kernel, ...initrd, '-append', cmdline(boot, place)]
}

/**
 * microvm: a reboot by ACPI hangs now and then, one by triple fault (`reboot=t`) does not. Under TCG it has no timer by
 * which a busy host's guest could calibrate its clock: one boot in three hung before its first line, none when told.
 */
function cmdline({ cmdline: given, qemu }: Boot, { accel, tscKhz }: Place): string {
  if (qemu.machine !== 'microvm') return given
  const words = [given]
  if (!/(^| )reboot=/.test(given)) words.push('reboot=t')
  if (accel === 'tcg' && tscKhz !== undefined && !/(^| )tsc_early_khz=/.test(given)) {
    words.push(`tsc_early_khz=${tscKhz}`)
  }
  return words.filter((word) => word !== '').join(' ')
}

/**
 * A guest that is over keeps its VMM, so that its run state tells how it ended also when nobody was listening. A reboot
 * happens in place. pvpanic is how a guest kernel says that it panicked; the ISA one works on both machines.
 */
const endings = ['-action', 'shutdown=pause,reboot=reset,panic=pause', '-device', 'pvpanic']

const journalPipe = 'events'

/**
 * QMP and the console by inherited sockets. The journal is a second monitor that writes to a log: it gets its one
 * command from `events.in` and nobody else talks to it, so events are written down also when no controller runs.
 */
function channels({ directory, fds }: Place): string[] {
  const path = (file: string) => doubleCommas(`${directory}/${file}`)
  const log = (file: string) => `logfile=${path(file)},logappend=on`
  return [
    ...['-chardev', `socket,id=qmp,fd=${fds.qmp},server=on,wait=off`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `pipe,id=journal,path=${path(journalPipe)},${log(placeFiles.journal)}`],
    ...['-mon', 'chardev=journal,mode=control'],
    ...['-chardev', `socket,id=console,fd=${fds.console},server=on,wait=off,${log(placeFiles.console)}`],
    ...['-serial', 'chardev:console'],
  ]
}
