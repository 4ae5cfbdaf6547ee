import type { Link } from '../../../host-state.ts'
import type { NetHost } from './host.ts'
import { listDetails } from './ip.ts'
import type { LinkDetails, PlainLink } from './ip-parse.ts'

/** Dumps after which all is asked anew: a TAP can be given to another user (TUNSETOWNER), though nobody does. */
const lifetime = 64

/** Names that a batch of ip(8) takes as they are; of other people's links with other names we need no details. */
const plainName = /^[^\s#"'\\]+$/

type Details = Pick<Link, 'kind' | 'user'>

/** Completes listed links; null when one of them is gone already. */
export type Complete = (links: readonly PlainLink[], signal: AbortSignal) => Promise<readonly Link[] | null>

/**
 * What only the detailed listing tells stays the same as long as a link lives: it is asked once for each link and
 * forgotten with it. The kernel gives an index again only after 2^31 others.
 */
export function detailCache(host: NetHost): Complete {
  let known = new Map<string, Details>()
  let dumps = 0
  return async (links, signal) => {
    dumps += 1
    const before = dumps % lifetime === 0 ? new Map<string, Details>() : known
    const unknown = links.filter((link) => !before.has(key(link)))
    const asked = unknown.length === 0 ? [] : await ask(host, unknown, signal)
    const now = new Map([...before, ...asked])
    const whole = links.flatMap((link) => {
      const details = now.get(key(link))
      return details === undefined ? [] : [{ link: { ...link, ...details }, details }]
    })
    known = new Map(whole.map(({ link, details }) => [key(link), details]))
    return whole.length === links.length ? whole.map(({ link }) => link) : null
  }
}

async function ask(host: NetHost, links: readonly PlainLink[], signal: AbortSignal) {
  const names = links.map(({ name }) => name).filter((name) => plainName.test(name))
  const found = await listDetails(host.run, names, signal)
  const uids = found.some(({ user }) => typeof user === 'string') ? await readUids(host) : new Map<string, number>()
  const strange = links.filter(({ name }) => !plainName.test(name)).map((link) => [key(link), nothing] as const)
  return [...found.map((each) => [key(each), resolve(each, uids)] as const), ...strange]
}

const nothing: Details = { kind: '', user: null }

/** ip(8) before 6.10 or so shows a name where the system knows one. */
function resolve({ kind, user }: LinkDetails, uids: ReadonlyMap<string, number>): Details {
  return { kind, user: typeof user === 'string' ? (uids.get(user) ?? null) : user }
}

/** By name, from passwd(5). */
async function readUids(host: NetHost): Promise<ReadonlyMap<string, number>> {
  const lines = (await host.readText('/etc/passwd')).split('\n').map((line) => line.split(':'))
  return new Map(lines.map(([name = '', , uid]) => [name, Number(uid)]))
}

function key({ index, name }: { readonly index: number; readonly name: string }): string {
  return `${index} ${name}`
}
