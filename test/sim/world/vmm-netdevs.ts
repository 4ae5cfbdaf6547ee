import type { Taps } from './taps.ts'
import { VmmExit, type VmmPlan } from './vmm-argv.ts'
import { QmpRefusal } from './vmm-qmp.ts'

type Netdev =
  | { readonly type: 'hubport'; readonly hub: number; readonly netdev: string | null }
  | { readonly type: 'tap'; readonly name: string; readonly close: () => void; lost: boolean }

/** The netdevs of one VMM: TAPs, and hubs between them and the NICs. */
export class Netdevs {
  readonly #taps: Taps
  readonly #user: number
  readonly #devices = new Map<string, Netdev>()

  constructor(taps: Taps, user: number) {
    this.#taps = taps
    this.#user = user
  }

  /** What `-netdev` asks for; throws QEMU's words. */
  open({ netdevs }: VmmPlan): void {
    for (const options of netdevs) {
      const id = options.get('id') ?? ''
      const type = options.get('type') ?? options.get('') ?? ''
      try {
        this.add(id, type, (key) => options.get(key) ?? null)
      } catch (error) {
        const text = [...options].map(([key, value]) => (key === '' ? value : `${key}=${value}`)).join(',')
        throw new VmmExit(`-netdev ${text}: ${(error as Error).message}`)
      }
    }
  }

  add(id: string, type: string, option: (key: string) => string | null): void {
    if (this.#devices.has(id)) throw new QmpRefusal('GenericError', `Duplicate ID '${id}'`)
    if (type === 'tap') {
      this.#addTap(id, option('ifname') ?? '')
      return
    }
    if (type !== 'hubport') {
      throw new QmpRefusal('GenericError', "Parameter 'type' expects a netdev backend type")
    }
    const netdev = option('netdev')
    if (netdev !== null && !this.#devices.has(netdev)) {
      throw new QmpRefusal('GenericError', `netdev '${netdev}' not found`)
    }
    this.#devices.set(id, { type, hub: Number(option('hubid')), netdev })
  }

  remove(id: string): void {
    const device = this.#devices.get(id)
    if (!device) throw new QmpRefusal('DeviceNotFound', `Device '${id}' not found`)
    this.#devices.delete(id)
    if (device.type === 'tap' && !device.lost) device.close()
  }

  /** The TAP that a NIC's frames come out of, by way of its hub; null when there is none that is still a link. */
  tapOf(nic: string): string | null {
    const port = this.#devices.get(nic)
    if (port?.type === 'tap') return port.lost ? null : port.name
    if (!port) return null
    for (const other of this.#devices.values()) {
      if (other.type !== 'hubport' || other.hub !== port.hub || other.netdev === null) continue
      const tap = this.#devices.get(other.netdev)
      if (tap?.type === 'tap' && !tap.lost) return tap.name
    }
    return null
  }

  close(): void {
    for (const id of [...this.#devices.keys()]) this.remove(id)
  }

  #addTap(id: string, name: string): void {
    const tap = { type: 'tap' as const, name, close: () => {}, lost: false }
    try {
      tap.close = this.#taps.open(name, this.#user, () => {
        tap.lost = true
      })
    } catch (error) {
      throw new QmpRefusal('GenericError', `could not configure /dev/net/tun (${name}): ${(error as Error).message}`)
    }
    this.#devices.set(id, tap)
  }
}
