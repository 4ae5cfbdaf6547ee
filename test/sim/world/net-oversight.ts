import type { Link } from '../../../src/host-state.ts'
import type { RootIdentity } from '../../../src/ledger.ts'
import type { LinkOperation } from '../../../src/world/linux/net/link-operation.ts'
import type { Device } from './net-device.ts'
import type { SimLinks } from './net-links.ts'

/**
 * Sees to it that the port changes no link of others. It knows ours by itself, and not by what is being tested: by an
 * alias of this root, or by the group when the alias was wiped, or as a TAP of one of its VMs.
 */
export class Oversight {
  readonly violations: string[] = []
  readonly races: string[] = []
  readonly #root: RootIdentity
  readonly #links: SimLinks
  #shown: readonly Link[] | null = null

  constructor(root: RootIdentity, links: SimLinks) {
    this.#root = root
    this.#links = links
  }

  /** These were the links in the last dump. */
  shown(links: readonly Link[]): void {
    this.#shown = links
  }

  /** The operation is about to take effect. */
  about(operation: LinkOperation): void {
    // What would be made either is not there or is refused by the kernel.
    if (operation.op === 'addBridge' || operation.op === 'addTap') return
    this.#judge(operation.op, operation.name)
    if (operation.op === 'setMaster') this.#judge(operation.op, operation.master)
  }

  #judge(op: LinkOperation['op'], name: string): void {
    const device = this.#links.get(name)
    if (device === undefined || this.#isOurs(device)) return
    const known = this.#shown?.find((link) => link.index === device.index)
    const could = this.#shown === null || (known !== undefined && !this.#isOurs(known))
    const list = could ? this.violations : this.races
    list.push(
      `${op} on ${name} (index ${device.index}, alias "${device.alias}", group ${device.group}), which is not ours`,
    )
  }

  #isOurs({ alias, group, kind, user }: Pick<Device, 'alias' | 'group' | 'kind' | 'user'>): boolean {
    if (alias !== '') return alias.startsWith(`moorage:${this.#root.id}/`)
    // A TAP is made before it has its group and its alias: then its user tells.
    return group === this.#root.group || (group === 0 && kind === 'tun' && isVm(this.#root, user))
  }
}

/** The uids of a root are a range of 4096 that its id picks, from 0x70000000 on. */
function isVm({ id }: RootIdentity, user: number | null): boolean {
  const first = 0x7000_0000 + Number.parseInt(id.slice(0, 4), 16) * 0x1000
  return user !== null && user >= first && user < first + 0x1000
}
