import type { Link } from '../../../host-state.ts'
import type { LinkOperation } from './link-operation.ts'
import { bridgeMac } from './names.ts'

/** One line for `ip -batch`. */
export interface IpLine {
  readonly text: string
  /** Indexes of the operations it serves. */
  readonly operations: readonly number[]
  /** Names of the links it speaks of. */
  readonly touches: readonly string[]
  /**
   * When it fails, nothing more is done to the links that it speaks of, and this is said of them; null when the others can
   * do without it. Outside our group no rule watches a port.
   */
  readonly vital: 'made' | 'put into its group' | null
  /** What ip(8) may say without the operation having failed; null when nothing. */
  readonly forgives: RegExp | null
}

/**
 * Ports forward at once, and a bridge learns no MAC from frames to 01:80:c2:00:00:0x: those pass no rule of ours, and a
 * guest could take the place of a neighbor with one.
 */
const bridgeOptions = 'stp_state 0 forward_delay 0 mcast_snooping 0 no_linklocal_learn 1'

/** It is gone, which is what was asked for. */
const gone = /Cannot find device|No such device/

/** The lines of one operation; of `removeLink` see {@link removalLines}. */
export function linesOf(index: number, operation: Exclude<LinkOperation, { op: 'removeLink' }>): readonly IpLine[] {
  const { name } = operation
  const line = (text: string, more: Partial<IpLine> = {}): IpLine => {
    return { text, operations: [index], touches: [name], vital: null, forgives: null, ...more }
  }
  // No link-local address by which guests could reach the host over IPv6; a host without IPv6 does not know the word.
  const noIPv6 = line(`link set dev ${name} addrgenmode none`, {
    forgives: /Address family not supported|Operation not supported/,
  })
  switch (operation.op) {
    case 'addBridge': {
      const identity = `address ${bridgeMac(operation.alias)} group ${operation.group}`
      return [
        line(`link add name ${name} ${identity} type bridge ${bridgeOptions}`, { vital: 'made' }),
        line(`link set dev ${name} alias ${operation.alias}`),
        noIPv6,
      ]
    }
    case 'addTap':
      return [
        line(`tuntap add dev ${name} mode tap user ${operation.user}`, { vital: 'made' }),
        line(`link set dev ${name} group ${operation.group} alias ${operation.alias}`, { vital: 'put into its group' }),
        noIPv6,
      ]
    case 'setAlias':
      return [line(`link set dev ${name} alias ${operation.alias}`)]
    case 'setGroup':
      return [line(`link set dev ${name} group ${operation.group}`, { vital: 'put into its group' })]
    case 'setMaster':
      return [line(`link set dev ${name} master ${operation.master}`, { touches: [name, operation.master] })]
    case 'setMtu':
      return [line(`link set dev ${name} mtu ${operation.mtu}`)]
    case 'setUp':
      return [line(`link set dev ${name} up`)]
    case 'addAddress':
      // EEXIST is said only of the same address with the same prefix length.
      return [line(`addr add ${operation.address} dev ${name}`, { forgives: /already assigned|File exists/ })]
    case 'removeAddress': {
      const absent = /Address not found|Cannot assign requested address|Cannot find device|No such device/
      return [line(`addr del ${operation.address} dev ${name}`, { forgives: absent })]
    }
  }
}

/** A link to remove; `device` says to ip(8) which, by index where that is possible. */
export interface Doomed {
  readonly operation: number
  readonly name: string
  readonly device: string
}

/**
 * Removes links. Each deletion by itself costs a grace period of the kernel, a group costs one (and one more for each
 * bridge in it). They are taken down first: in the doomed group our rules no longer watch them.
 */
export function removalLines(doomed: readonly Doomed[], group: number): readonly IpLine[] {
  const line = (text: string, those: readonly Doomed[]): IpLine => ({
    text,
    operations: those.map(({ operation }) => operation),
    touches: those.map(({ name }) => name),
    vital: null,
    forgives: gone,
  })
  const [only] = doomed
  if (only === undefined) return []
  if (doomed.length === 1) return [line(`link del dev ${only.device}`, [only])]
  return [
    ...doomed.map((one) => line(`link set dev ${one.device} down`, [one])),
    ...doomed.map((one) => line(`link set dev ${one.device} group ${group}`, [one])),
    line(`link del group ${group}`, doomed),
  ]
}

/** ip(8) takes `if<index>` for a link whose name nobody has: what is made anew under an old name is then not meant. */
export function deviceOf(name: string, index: Link['index'], names: ReadonlySet<string>): string {
  return names.has(`if${index}`) ? name : `if${index}`
}

/** A group that no link is in, for those that are about to go; the same for the same root unless it is taken. */
export function doomedGroup(own: number, taken: ReadonlySet<number>): number {
  let group = own ^ 0x40000000
  while (group === own || group < 1 || taken.has(group)) group = (group + 1) & 0x7fffffff
  return group
}
