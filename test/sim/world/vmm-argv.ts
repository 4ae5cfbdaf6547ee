/** What a QEMU is told by its command line, as far as the simulation plays it. */
export interface VmmPlan {
  /** `default.slot1`, as `ps` shows it. */
  readonly name: string
  readonly program: string
  readonly machine: 'q35' | 'microvm'
  /** `-S`: the guest waits for `cont`. */
  readonly paused: boolean
  readonly kernel: string | null
  readonly initrd: string | null
  readonly cmdline: string
  /** Addresses by the index of the interface, from `ip=` on the kernel's command line. */
  readonly addresses: ReadonlyMap<number, string>
  readonly disks: readonly PlannedDisk[]
  /** `-netdev`, in order. */
  readonly netdevs: readonly Options[]
  /** In the order the guest sees them: the id of the netdev each is wired to. */
  readonly nics: readonly { readonly id: string; readonly netdev: string; readonly mac: string }[]
  readonly credentials: readonly { readonly option: string; readonly path: string }[]
  /** Index among the inherited sockets, from 0. */
  readonly qmp: number
  readonly console: { readonly socket: number; readonly log: string }
  readonly journal: { readonly pipe: string; readonly log: string }
}

export interface PlannedDisk {
  readonly path: string
  readonly readOnly: boolean
  /** The option that opens it, and the one that locks it: QEMU's complaints begin with them. */
  readonly opens: string
  readonly locks: string
}

/** `key=value` pairs; what stands in front without a key is under the empty one. */
export type Options = ReadonlyMap<string, string>

/** What ends a QEMU before it runs: its words. */
export class VmmExit extends Error {}

/** Reads an argv as QEMU does; throws a {@link VmmExit} for what it would not take. */
export function parseArgv([program = '', ...words]: readonly string[]): VmmPlan {
  const options = pairsOf(words)
  const all = (name: string) => options.filter(([option]) => option === name).map(([, value]) => value)
  const one = (name: string) => all(name).at(-1) ?? null
  const parsed = (name: string) => all(name).map((text) => ({ text, options: optionsOf(text) }))
  const devices = parsed('-device')
  const chardevs = new Map(parsed('-chardev').map((each) => [each.options.get('id') ?? '', each.options]))
  const cmdline = one('-append') ?? ''
  return {
    name: optionsOf(one('-name') ?? '').get('guest') ?? '',
    program,
    machine: one('-machine')?.startsWith('microvm') ? 'microvm' : 'q35',
    paused: all('-S').length > 0,
    kernel: one('-kernel'),
    initrd: one('-initrd'),
    cmdline,
    addresses: addressesIn(cmdline),
    disks: disksOf(parsed('-blockdev'), devices),
    netdevs: parsed('-netdev').map((each) => each.options),
    nics: devices
      .filter((each) => each.text.startsWith('virtio-net'))
      .map((each) => ({
        id: each.options.get('id') ?? '',
        netdev: each.options.get('netdev') ?? '',
        mac: each.options.get('mac') ?? '',
      })),
    credentials: [
      ...parsed('-smbios').map((each) => ({ option: `-smbios ${each.text}`, path: each.options.get('path') ?? '' })),
      ...parsed('-fw_cfg').map((each) => ({ option: `-fw_cfg ${each.text}`, path: each.options.get('file') ?? '' })),
    ].filter(({ path }) => path !== ''),
    qmp: socketOf(chardevs.get('qmp')),
    console: { socket: socketOf(chardevs.get('console')), log: chardevs.get('console')?.get('logfile') ?? '' },
    journal: {
      pipe: chardevs.get('journal')?.get('path') ?? '',
      log: chardevs.get('journal')?.get('logfile') ?? '',
    },
  }
}

const flags: ReadonlySet<string> = new Set(['-nodefaults', '-no-user-config', '-S'])

const valued: ReadonlySet<string> = new Set(
  (
    '-name -uuid -display -sandbox -machine -accel -cpu -smp -m -kernel -initrd -append -action -device -chardev -mon ' +
    '-serial -blockdev -netdev -object -smbios -fw_cfg -global'
  ).split(' '),
)

function pairsOf(words: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (flags.has(word)) pairs.push([word, ''])
    else if (!valued.has(word)) throw new VmmExit(`${word}: invalid option`)
    else if (at + 1 === words.length) throw new VmmExit(`${word}: requires an argument`)
    else pairs.push([word, words[++at]!])
  }
  return pairs
}

/** Split at commas; a doubled one is one. */
export function optionsOf(text: string): Options {
  const parts = text.replaceAll(',,', '\0').split(',')
  return new Map(
    parts.map((part) => {
      const whole = part.replaceAll('\0', ',')
      const equals = whole.indexOf('=')
      return equals < 0 ? ['', whole] : [whole.slice(0, equals), whole.slice(equals + 1)]
    }),
  )
}

interface Parsed {
  readonly text: string
  readonly options: Options
}

function disksOf(blockdevs: readonly Parsed[], devices: readonly Parsed[]): PlannedDisk[] {
  const nodes = new Map(blockdevs.map((each) => [each.options.get('node-name') ?? '', each]))
  return devices
    .filter((each) => each.text.startsWith('virtio-blk'))
    .map((device) => {
      const raw = nodes.get(device.options.get('drive') ?? '')
      const file = nodes.get(raw?.options.get('file') ?? '')
      if (!raw || !file) throw new VmmExit(`-device ${device.text}: Cannot find device or node`)
      return {
        path: file.options.get('filename') ?? '',
        readOnly: file.options.get('read-only') === 'on',
        opens: `-blockdev ${file.text}`,
        locks: `-device ${device.text}`,
      }
    })
}

/** The listeners are fds 3, 4, ... */
function socketOf(chardev: Options | undefined): number {
  return Number(chardev?.get('fd') ?? Number.NaN) - 3
}

/** `ip=ADDRESS::GATEWAY:NETMASK:HOSTNAME:ethN:off`, see src/resolve/boot.ts. */
function addressesIn(cmdline: string): Map<number, string> {
  const found = new Map<number, string>()
  for (const word of cmdline.split(' ')) {
    if (!word.startsWith('ip=')) continue
    const [address = '', , , , , device = ''] = word.slice(3).split(':')
    found.set(Number(device.replace(/^\D+/, '')), address)
  }
  return found
}
