import type { Link, NetState } from '../../../host-state.ts'
import type { RootIdentity } from '../../../ledger.ts'
import type { Complete } from './details.ts'
import type { NetHost } from './host.ts'
import { listLinks } from './ip.ts'
import { list } from './nft.ts'
import type { Reference } from './reference.ts'

/** IPv4 forwarding of this network namespace. */
export const forwardingPath = '/proc/sys/net/ipv4/ip_forward'

/** Times that links are read anew because one of them went away in between. */
const attempts = 5

/** Reads the network: one ip(8) and one nft(8) as long as no link is new. */
export async function dumpNet(
  host: NetHost,
  root: RootIdentity,
  complete: Complete,
  reference: Reference,
  signal: AbortSignal,
): Promise<NetState> {
  const [links, { chains, sets, foreign }, measured, forwarding] = await Promise.all([
    readLinks(host, complete, signal),
    list(host.run, root, signal),
    reference.measure(signal),
    host.readText(forwardingPath),
  ])
  const rules = { chains, reference: reference.choose(measured, chains), sets, foreign }
  return { forwarding: forwarding.trim() !== '0', links, rules }
}

async function readLinks(host: NetHost, complete: Complete, signal: AbortSignal): Promise<readonly Link[]> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const links = await complete(await listLinks(host.run, signal), signal)
    if (links !== null) return links
  }
  throw new Error('the links of this host come and go faster than they can be read; see `ip monitor link`')
}
