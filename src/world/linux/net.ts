import type { RootIdentity } from '../../ledger.ts'
import type { Net } from '../net.ts'
import { commitNet } from './net/commit.ts'
import { detailCache } from './net/details.ts'
import { dumpNet } from './net/dump.ts'
import type { NetHost } from './net/host.ts'
import { reference } from './net/reference.ts'

export type { NetHost } from './net/host.ts'

/** The network of this host by ip(8) and nft(8), for the controller whose root this is. */
export function linuxNet(root: RootIdentity, host: NetHost): Net {
  const complete = detailCache(host)
  const expected = reference(host, root)
  return {
    dump: (signal) => dumpNet(host, root, complete, expected, signal),
    commit: (operations, signal) => commitNet(host, root, expected, operations, signal),
  }
}
