import { FileError } from '../../src/world/files.ts'
import type { SimHost } from './host.ts'
import type { Dice } from './random.ts'
import type { NetFaults } from './world/net.ts'
import type { Delivery } from './world/watch.ts'

/** Counts each fault that really struck. */
export type Tally = Map<string, number>

export function count(tally: Tally, kind: string): void {
  tally.set(kind, (tally.get(kind) ?? 0) + 1)
}

/** Faults that may strike any call while they are on. */
export const ambientKinds = [
  'no space',
  'write error',
  'rename fails',
  'rename fails late',
  'read error',
  'list error',
  'dump fails',
  'link operation fails',
  'rules refused',
  'commit cut short',
  'links cut short',
  'fork fails',
  'VMM dies at once',
  'tool fails',
  'tool hangs',
  'slow death',
  'QMP late',
  'QMP silent',
  'QMP refused',
  'QMP garbage',
  'QMP doubled',
  'QMP hang-up',
  'greeting late',
  'greeting never',
  'slow boot',
  'button ignored',
  'hint lost',
  'hint doubled',
  'hint late',
  'slow calls',
] as const

export type AmbientKind = (typeof ambientKinds)[number]

/** Those that few calls give a chance to. */
const rare: ReadonlySet<AmbientKind> = new Set([
  ...(['rules refused', 'commit cut short', 'links cut short', 'fork fails', 'VMM dies at once'] as const),
  ...(['greeting late', 'greeting never', 'slow boot'] as const),
])

/** Those that next to none does. */
const rarest: ReadonlySet<AmbientKind> = new Set(['tool fails', 'tool hangs', 'slow death', 'button ignored'])

function oftenOf(kind: AmbientKind): readonly number[] {
  if (rarest.has(kind)) return [0.3, 0.6, 0.9]
  if (rare.has(kind)) return [0.1, 0.4, 0.8]
  return kind.startsWith('QMP') ? [0.02, 0.1, 0.4] : [0.01, 0.05, 0.2]
}

/** Swarm: each run has some kinds of faults and not others, so that rare pairs meet. */
export function someRates(dice: Dice): Rates {
  const rates = new Map<AmbientKind, number>()
  const some = dice.pick([0, 0.1, 0.3])
  for (const kind of ambientKinds) {
    if (!dice.chance(rarest.has(kind) ? 2.5 * some : some)) continue
    rates.set(kind, dice.pick(oftenOf(kind)))
  }
  return rates
}

/** How often each strikes, of the calls it could strike. */
export type Rates = ReadonlyMap<AmbientKind, number>

const ours = ['/var/lib/moorage', '/run/moorage', '/etc/moorage']

/** Puts the faults on; the call that is returned takes all of them off again. */
export function putOn(host: SimHost, rates: Rates, dice: Dice, tally: Tally): () => void {
  const strikes = (kind: AmbientKind): boolean => {
    const rate = rates.get(kind)
    if (rate === undefined || !dice.chance(rate)) return false
    count(tally, kind)
    host.note(`fault: ${kind}`)
    return true
  }
  const before = {
    hook: host.files.hook,
    net: host.net.faults,
    process: host.process.hooks,
    deliver: host.watch.deliver,
    latency: host.hooks.latency,
  }
  host.files.hook = fileFaults(strikes)
  host.net.faults = netFaults(strikes, dice)
  host.process.hooks = processFaults(host, strikes, dice)
  host.watch.deliver = () => delivery(strikes, dice)
  host.hooks.latency = () => (strikes('slow calls') ? dice.between(1, 40) : 0)
  return () => {
    host.files.hook = before.hook
    host.net.faults = before.net
    host.process.hooks = before.process
    host.watch.deliver = before.deliver
    host.hooks.latency = before.latency
  }
}

type Strikes = (kind: AmbientKind) => boolean

function fileFaults(strikes: Strikes): SimHost['files']['hook'] {
  return ({ name, path, phase }) => {
    if (!ours.some((folder) => path.startsWith(folder))) return
    const fail = (code: string) => {
      throw new FileError(code, path, `${code}: ${name} ${path}`)
    }
    if (phase === 'after') {
      if (name === 'rename' && strikes('rename fails late')) fail('EIO')
      return
    }
    if (/^(create|createSparse|makeDirectory|symlink)$/.test(name) && strikes('no space')) fail('ENOSPC')
    if (name === 'sync' && strikes('write error')) fail('EIO')
    if (name === 'rename' && strikes('rename fails')) fail('EIO')
    if (name.startsWith('read') && strikes('read error')) fail('EIO')
    if (name.startsWith('list') && strikes('list error')) fail('EIO')
  }
}

function netFaults(strikes: Strikes, dice: Dice): NetFaults {
  return {
    dumpFails: () => (strikes('dump fails') ? 'ip -j link: Cannot allocate memory' : null),
    operationFails: () => (strikes('link operation fails') ? 'RTNETLINK answers: Cannot allocate memory' : null),
    rulesFail: () => (strikes('rules refused') ? 'netlink: Error: Could not process rule: No buffer space' : null),
    commitCut: () => (strikes('commit cut short') ? dice.below(12) / 2 : null),
    linksCut: () => (strikes('links cut short') ? dice.below(12) / 2 : null),
  }
}

function processFaults(host: SimHost, strikes: Strikes, dice: Dice): SimHost['process']['hooks'] {
  return {
    ...host.process.hooks,
    spawn: () => {
      if (strikes('fork fails')) throw new Error('spawn setpriv EAGAIN')
    },
    open: () => (strikes('VMM dies at once') ? 'qemu-system-x86_64: cannot set up guest memory' : null),
    run: () => {
      if (strikes('tool fails')) return { code: 1, stdout: '', stderr: 'out of memory' }
      return strikes('tool hangs') ? 'hang' : null
    },
    death: () => (strikes('slow death') ? { files: dice.below(500), gone: dice.below(3000) } : { files: 1, gone: 1 }),
    greeting: () => {
      if (strikes('greeting never')) return 'never'
      return strikes('greeting late') ? dice.between(10, 8000) : 0
    },
    qmp: () => {
      if (strikes('QMP late')) return { kind: 'late', milliseconds: dice.between(10, 4000) }
      if (strikes('QMP silent')) return { kind: 'silent' }
      if (strikes('QMP refused')) return { kind: 'refused', errorClass: 'GenericError', words: 'not now' }
      if (strikes('QMP garbage')) return { kind: 'garbage', line: '{"return": {' }
      if (strikes('QMP doubled')) return { kind: 'doubled' }
      return strikes('QMP hang-up') ? { kind: 'hangUp', done: dice.chance(0.5) } : null
    },
    guest: () => ({
      boot: strikes('slow boot') ? dice.between(5000, 30_000) : 2000,
      button: strikes('button ignored') ? 'ignored' : 1500,
    }),
  }
}

function delivery(strikes: Strikes, dice: Dice): Delivery {
  if (strikes('hint lost')) return []
  const first = strikes('hint late') ? dice.between(100, 5000) : 1
  return strikes('hint doubled') ? [first, first + dice.below(200)] : [first]
}
