import { hash as digestOf } from 'node:crypto'

/** Longest name of a network interface, bytes: IFNAMSIZ less its NUL (netdevice(7)). */
const longestName = 15

function hash(text: string): string {
  return digestOf('sha256', text)
}

/** The bridge of a network that names none: `br-NAME` where that fits, else with a digest of the name. */
export function bridgeName(network: string): string {
  const plain = `br-${network}`
  return plain.length <= longestName ? plain : `br-${hash(network).slice(0, longestName - 3)}`
}

/** The TAP of an interface that names none. */
export function tapName(uid: string, nic: string): string {
  return `vm-${hash(`${uid}/${nic}`).slice(0, longestName - 3)}`
}

/** A stable locally administered unicast MAC address (IEEE 802: second-least bit of the first octet set). */
export function macAddress(uid: string, nic: string): string {
  const octets = hash(`mac/${uid}/${nic}`).slice(0, 10).match(/../g)!
  return ['02', ...octets].join(':')
}

/** The volume of a state: a DNS label that people recognise and that no two states share. */
export function volumeName(namespace: string, state: string): string {
  return `${state.slice(0, 50)}-${hash(`${namespace}/${state}`).slice(0, 8)}`
}

/** The volume of an ephemeral disk. */
export function ephemeralName(uid: string, disk: string): string {
  return `ephemeral-${hash(`${uid}/${disk}`).slice(0, 16)}`
}
