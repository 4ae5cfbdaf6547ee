import { z } from 'zod'
import type { Link } from '../../../host-state.ts'

/** A link without what only the detailed listing tells. */
export type PlainLink = Omit<Link, 'kind' | 'user'>

/** What stays the same as long as a link lives, and is dear to ask for. */
export interface LinkDetails {
  readonly name: string
  readonly index: number
  readonly kind: string
  /** Uid a TAP belongs to, or the name that ip(8) shows instead; null for other links. */
  readonly user: number | string | null
}

const plainLink = z.object({
  ifname: z.string(),
  ifindex: z.int(),
  flags: z.array(z.string()),
  mtu: z.int(),
  group: z.string().regex(/^\d+$/),
  master: z.string().optional(),
  address: z.string().optional(),
  ifalias: z.string().optional(),
})

const addressedLink = z.object({
  ifindex: z.int(),
  addr_info: z.array(
    z.object({
      family: z.string(),
      local: z.string().optional(),
      prefixlen: z.int().optional(),
      scope: z.string().optional(),
    }),
  ),
})

const detailedLink = z.object({
  ifname: z.string(),
  ifindex: z.int(),
  linkinfo: z
    .object({
      info_kind: z.string().optional(),
      info_data: z.object({ user: z.union([z.int(), z.string()]).optional() }).optional(),
    })
    .optional(),
})

/** Objects that `ip -j` prints for a link that its filter leaves out. */
const nothing = z.strictObject({}).transform(() => null)

/** `RT_SCOPE_UNIVERSE` as `ip -N` writes it. */
const globalScope = '0'

/** Reads `ip -N -j -4 -batch -` of `link show` and then `addr show`; sorted by name. Throws a sentence on anything else. */
export function parseLinks(stdout: string): readonly PlainLink[] {
  const [links, addressed, ...more] = readArrays(stdout)
  if (links === undefined || addressed === undefined || more.length > 0) throw unreadable(undefined)
  const addresses = new Map(
    read(addressedLink, addressed).map((link) => [link.ifindex, globalAddresses(link.addr_info)]),
  )
  return read(plainLink, links)
    .map((link) => ({
      name: link.ifname,
      index: link.ifindex,
      alias: link.ifalias ?? '',
      group: Number(link.group),
      master: link.master ?? null,
      mac: link.address ?? '',
      mtu: link.mtu,
      up: link.flags.includes('UP'),
      carrier: link.flags.includes('LOWER_UP'),
      addresses: addresses.get(link.ifindex) ?? [],
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Reads `ip -j -d -force -batch -` of some `link show dev NAME`. */
export function parseDetails(stdout: string): readonly LinkDetails[] {
  return read(detailedLink, readArrays(stdout).flat()).map(({ ifname, ifindex, linkinfo }) => ({
    name: ifname,
    index: ifindex,
    kind: linkinfo?.info_kind ?? '',
    user: linkinfo?.info_kind === 'tun' ? (linkinfo.info_data?.user ?? null) : null,
  }))
}

/** An array a line, one for each command of the batch. */
function readArrays(stdout: string): readonly (readonly unknown[])[] {
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => {
    try {
      return z.array(z.unknown()).parse(JSON.parse(line))
    } catch (cause) {
      throw unreadable(cause)
    }
  })
}

function read<Shape>(shape: z.ZodType<Shape>, items: readonly unknown[]): readonly Shape[] {
  const parsed = z.array(z.union([shape, nothing])).safeParse(items)
  if (!parsed.success) throw unreadable(parsed.error)
  return parsed.data.filter((item) => item !== null)
}

function unreadable(cause: unknown): Error {
  return new Error('ip printed something that is no listing of links in JSON; see whether its version is supported', {
    cause,
  })
}

function globalAddresses(infos: z.infer<typeof addressedLink>['addr_info']): readonly string[] {
  return infos
    .filter(({ family, scope }) => family === 'inet' && scope === globalScope)
    .flatMap(({ local, prefixlen }) => (local === undefined || prefixlen === undefined ? [] : `${local}/${prefixlen}`))
    .sort()
}
