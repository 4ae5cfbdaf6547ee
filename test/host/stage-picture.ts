import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from './stage.ts'

/** The network of a stage as the kernel lists it, without what is new each time something is made, in a fixed order. */
export interface NetPicture {
  readonly links: readonly Readonly<Record<string, unknown>>[]
  /** What nftables holds, a line each. */
  readonly rules: readonly string[]
  readonly forwarding: string
}

/** Of `ip -j -d address show`. */
interface IpLink {
  readonly ifname: string
  readonly flags: readonly string[]
  readonly mtu: number
  readonly master?: string
  readonly group: string
  readonly address: string
  readonly ifalias?: string
  readonly linkinfo?: { readonly info_kind?: string; readonly info_data?: { readonly user?: unknown } }
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[]
}

/** Of `nft -j list`: one member, named as what it is. */
export type NftObject = Readonly<Record<string, NftBody | undefined>>

export interface NftBody {
  readonly family: string
  readonly table?: string
  readonly chain?: string
  readonly name?: string
  readonly handle?: number
  readonly hook?: string
  readonly elem?: readonly unknown[]
  readonly expr?: unknown
  readonly packets?: number
}

export async function netPictureOf({ net }: Stage): Promise<NetPicture> {
  const [links, rules, forwarding] = await Promise.all([
    net.exec(['ip', '-N', '-j', '-d', 'address', 'show']),
    listRules(net, 'ruleset'),
    net.exec(['cat', '/proc/sys/net/ipv4/ip_forward']),
  ])
  return { links: parseLinks(links).map(linkOf).sort(byName), rules: linesOf(rules), forwarding: forwarding.trim() }
}

/** What `nft -j list ...` tells, without what it tells of itself. */
export async function listRules(net: Stage['net'], ...what: readonly string[]): Promise<readonly NftObject[]> {
  const { nftables } = JSON.parse(await net.exec(['nft', '-j', 'list', ...what])) as { nftables: readonly NftObject[] }
  return nftables.filter((one) => !('metainfo' in one))
}

/** Rules keep their order within a chain; tables, sets and elements have none. */
function linesOf(objects: readonly NftObject[]): readonly string[] {
  const places = new Map<string, number>()
  const place = (chain: string) => {
    const at = (places.get(chain) ?? 0) + 1
    places.set(chain, at)
    return String(at).padStart(3, '0')
  }
  return objects
    .flatMap((object) => Object.entries(object))
    .map(([kind, body]) => {
      const { handle: _, family, table, name, elem = [], ...rest } = body!
      const of = table ? `${family} ${table}` : family
      if (kind === 'rule') return `${of} ${rest.chain} ${place(`${of} ${rest.chain}`)} ${JSON.stringify(rest.expr)}`
      const elements = elem.map((each) => JSON.stringify(each)).sort()
      return `${of} ${kind} ${name} ${JSON.stringify(rest)} ${elements.join(' ')}`
    })
    .sort()
}

const parseLinks = (text: string) => JSON.parse(text) as readonly IpLink[]

function linkOf({ ifname, flags, mtu, master, group, address, ifalias, linkinfo, addr_info }: IpLink) {
  const addresses = addr_info.filter(({ family }) => family === 'inet').map((one) => `${one.local}/${one.prefixlen}`)
  const { info_kind: kind, info_data: data } = linkinfo ?? {}
  const state = { up: flags.includes('UP'), carrier: flags.includes('LOWER_UP') }
  // A TAP has a random MAC, which nobody sees.
  const mac = kind === 'tun' ? '' : address
  return { ifname, ...state, mtu, master, group, mac, ifalias, kind, user: data?.user, addresses }
}

function byName(a: { ifname: string }, b: { ifname: string }): number {
  return a.ifname < b.ifname ? -1 : 1
}

/** Names of the links that bear an alias of this kind of controller. */
export async function ourLinks({ net }: Stage): Promise<readonly string[]> {
  const links = parseLinks(await net.exec(['ip', '-j', 'link', 'show']))
  return links
    .filter(({ ifalias }) => ifalias?.startsWith('moorage:'))
    .map(({ ifname }) => ifname)
    .sort()
}

/**
 * Everything below a folder: `path mode uid` by path, with `/` behind a directory; with size, inode and times when
 * `whole`. What vanishes while it is looked at is left out.
 */
export function filesBelow(folder: string, whole = false, at = ''): readonly string[] {
  const here = join(folder, at)
  return readdirSync(here, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(at, entry.name)
      const stat = lstatSync(join(folder, path), { throwIfNoEntry: false })
      if (!stat) return []
      const details = whole ? ` ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` : ''
      const line = `${path}${entry.isDirectory() ? '/' : ''} ${(stat.mode & 0o7777).toString(8)} ${stat.uid}${details}`
      return [line, ...(entry.isDirectory() ? filesBelow(folder, whole, path) : [])]
    })
}

/** All that a controller and its VMs leave on a host: to be compared before and after. */
export async function tracesOf(stage: Stage): Promise<unknown> {
  const { links, rules, forwarding } = await netPictureOf(stage)
  const names = (files: readonly string[]) => files.map((line) => line.split(' ')[0]!)
  return {
    vmms: stage.vmms(),
    links,
    rules,
    forwarding,
    // The last words of guests that ended stay for whoever looks into it.
    run: names(filesBelow(stage.run)).filter((path) => !path.startsWith('ended/')),
    // Stored Secrets have a new name for each version; images are ours.
    state: names(filesBelow(stage.state)).filter((path) => !path.startsWith('images/')),
  }
}
