import type { Link } from '../../../src/host-state.ts'
import { addressOn, type Device, macOf, mtuLimits, snapshot } from './net-device.ts'

/** What the kernel says, null when it did it. */
export type Words = string | null

/** What a new link is; what is left out is as the kernel makes it. */
export interface NewDevice {
  readonly name: string
  /** `bridge`, `tun`, `veth`, `dummy`; empty for a physical one. */
  readonly kind: string
  readonly alias?: string
  readonly group?: number
  readonly mtu?: number
  readonly up?: boolean
  /** Carrier as it is seen while the link is up; a TAP has it from whoever opens it. */
  readonly carrier?: boolean
  readonly mac?: string
  /** Of a TAP; null lets everybody attach. */
  readonly user?: number | null
}

const ethernetMtu = 1500

/** The links of one network namespace, as rtnetlink changes them. Each method answers in the kernel's words. */
export class SimLinks {
  readonly #told: () => void
  readonly #byName = new Map<string, Device>()
  #next = 1
  #list: readonly Link[] | null = null

  /** `told` is called after each change. */
  constructor(told: () => void) {
    this.#told = () => {}
    this.make({ name: 'lo', kind: '', mtu: 65_536, up: true, carrier: true, mac: '00:00:00:00:00:00' })
    this.#told = told
  }

  get(name: string): Device | undefined {
    return this.#byName.get(name)
  }

  /** All, by name; the same array until something changes. */
  list(): readonly Link[] {
    this.#list ??= [...this.#byName.values()].map(snapshot).sort((a, b) => (a.name < b.name ? -1 : 1))
    return this.#list
  }

  /** What `ip link add` says when the name is taken, and what `ip tuntap add` does. */
  make(link: NewDevice): Words {
    const { name, kind } = link
    if (this.#byName.has(name)) return kind === 'tun' ? 'Device or resource busy' : 'File exists'
    if (name === 'all' || name === 'default') return 'Invalid argument'
    const index = this.#next++
    this.#byName.set(name, {
      name,
      index,
      kind,
      mac: link.mac ?? macOf(index),
      user: kind === 'tun' ? (link.user ?? null) : null,
      alias: link.alias ?? '',
      group: link.group ?? 0,
      mtu: link.mtu ?? ethernetMtu,
      mtuSet: link.mtu !== undefined,
      up: link.up ?? false,
      wire: link.carrier ?? kind !== 'tun',
      master: null,
      ports: new Set(),
      addresses: [],
      holder: null,
      seen: null,
    })
    this.#list = null
    this.#told()
    return null
  }

  /** A bridge frees its ports; who has a TAP open loses it. */
  remove(name: string): Words {
    const device = this.#byName.get(name)
    if (device === undefined) return missing(name)
    if (device.kind === '') return 'Operation not supported'
    for (const port of [...device.ports]) this.#detach(port)
    this.#detach(device)
    this.#byName.delete(name)
    this.#list = null
    const { holder } = device
    device.holder = null
    this.#told()
    holder?.lost()
    return null
  }

  setAlias(name: string, alias: string): Words {
    return this.#change(name, (device) => assign(device, 'alias', alias))
  }

  setGroup(name: string, group: number): Words {
    return this.#change(name, (device) => assign(device, 'group', group))
  }

  /** A port that cannot be put on its new bridge is off its old one all the same. */
  setMaster(name: string, to: string): Words {
    const master = this.#byName.get(to)
    if (master === undefined) return `argument "${to}" is wrong: Device does not exist`
    const device = this.#byName.get(name)
    if (device === undefined) return missing(name)
    if (device.master === master) return null
    this.#detach(device)
    if (master.kind !== 'bridge') return 'Operation not supported'
    if (device.kind === 'bridge') return 'Can not enslave a bridge to a bridge'
    if (name === 'lo') return 'Invalid argument'
    device.master = master
    master.ports.add(device)
    this.#adjust(master)
    this.#touch(device)
    return null
  }

  removeMaster(name: string): Words {
    const device = this.#byName.get(name)
    if (device === undefined) return missing(name)
    this.#detach(device)
    return null
  }

  setMtu(name: string, mtu: number): Words {
    return this.#change(name, (device) => {
      const [least, most] = mtuLimits(device)
      if (mtu < least) return 'mtu less than device minimum'
      if (mtu > most) return 'mtu greater than device maximum'
      device.mtuSet = true
      return assign(device, 'mtu', mtu)
    })
  }

  setUp(name: string, up: boolean): Words {
    return this.#change(name, (device) => assign(device, 'up', up))
  }

  /** `File exists` only for the same address with the same prefix length. */
  addAddress(name: string, text: string): Words {
    return this.#change(name, (device) => {
      if (device.addresses.some((address) => address.text === text)) return 'ipv4: Address already assigned'
      const address = addressOn(device, text)
      if (address === null) return null
      return assign(device, 'addresses', [...device.addresses, address])
    })
  }

  /** With a primary address go the secondary ones of its subnet (`promote_secondaries` is 0 as the kernel has it). */
  removeAddress(name: string, text: string): Words {
    return this.#change(name, (device) => {
      const gone = device.addresses.find((address) => address.text === text)
      if (gone === undefined) return 'ipv4: Address not found'
      const kept = device.addresses.filter(
        (each) => each !== gone && (gone.secondary || !each.secondary || each.subnet !== gone.subnet),
      )
      return assign(device, 'addresses', kept)
    })
  }

  /** Somebody opens a TAP (TUNSETIFF), or with null closes it. */
  hold(device: Device, holder: Device['holder']): void {
    device.holder = holder
    device.wire = holder !== null
    if (device.master !== null) this.#adjust(device.master)
    this.#touch(device)
  }

  #change(name: string, change: (device: Device) => Words | typeof changed): Words {
    const device = this.#byName.get(name)
    if (device === undefined) return missing(name)
    const words = change(device)
    if (words !== changed) return words
    if (device.master !== null) this.#adjust(device.master)
    this.#touch(device)
    return null
  }

  #detach(device: Device): void {
    const { master } = device
    if (master === null) return
    device.master = null
    master.ports.delete(device)
    this.#adjust(master)
    this.#touch(device)
  }

  /** What a bridge takes from its ports: MTU and carrier. */
  #adjust(bridge: Device): void {
    let least = ethernetMtu
    let wire = false
    let first = true
    for (const port of bridge.ports) {
      least = first ? port.mtu : Math.min(least, port.mtu)
      wire ||= port.up && port.wire
      first = false
    }
    const mtu = bridge.mtuSet ? bridge.mtu : least
    if (bridge.mtu === mtu && bridge.wire === wire) return
    bridge.mtu = mtu
    bridge.wire = wire
    this.#touch(bridge)
  }

  #touch(device: Device): void {
    device.seen = null
    this.#list = null
    this.#told()
  }
}

const changed = Symbol('changed')

function assign<Key extends keyof Device>(device: Device, key: Key, value: Device[Key]): null | typeof changed {
  if (device[key] === value) return null
  device[key] = value
  return changed
}

function missing(name: string): string {
  return `Cannot find device "${name}"`
}
