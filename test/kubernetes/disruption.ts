import { setTimeout as sleep } from 'node:timers/promises'
import type { Dice } from '../sim/random.ts'
import type { Installation, Node } from './installation.ts'

/** What goes wrong with a cluster, and is mended a while later. */
export type Disruption =
  | 'apiserver killed'
  | 'apiserver hung'
  | 'etcd killed'
  | 'etcd compacted'
  | 'manager killed'
  | 'agent killed'
  | 'link down'
  | 'packets dropped'

/** Each with its weight among the others. */
export const disruptions: readonly (readonly [number, Disruption])[] = [
  [3, 'apiserver killed'],
  [1, 'apiserver hung'],
  [2, 'etcd killed'],
  [2, 'etcd compacted'],
  [3, 'manager killed'],
  [5, 'agent killed'],
  [2, 'link down'],
  [2, 'packets dropped'],
]

/** Has it happen, to a host that the dice pick where it is about one; resolves when all of it is mended. */
export async function disrupt(installation: Installation, disruption: Disruption, dice: Dice): Promise<void> {
  const { cluster, manager, nodes } = installation
  const node = dice.pick(nodes)
  const [soon, late] = [dice.between(0, 1500), dice.between(500, 6000)]
  switch (disruption) {
    case 'apiserver killed':
      await cluster.kill('apiserver')
      await sleep(soon)
      return cluster.start('apiserver')
    case 'apiserver hung':
      return between(
        late,
        async () => cluster.signal('apiserver', 'SIGSTOP'),
        async () => cluster.signal('apiserver', 'SIGCONT'),
      )
    case 'etcd killed':
      await cluster.kill('etcd')
      await sleep(soon)
      return cluster.start('etcd')
    case 'etcd compacted':
      // Who watches from before the server's new life is told 410 Gone: its cache begins anew, and etcd has nothing older.
      await cluster.kill('apiserver')
      await installation.history.caughtUp()
      await cluster.compact()
      return cluster.start('apiserver')
    case 'manager killed':
      await manager.end('SIGKILL')
      await sleep(soon)
      return manager.start()
    case 'agent killed':
      return killAgent(node, soon)
    case 'link down':
      return between(
        late,
        () => node.setLink('down'),
        () => node.setLink('up'),
      )
    case 'packets dropped':
      return between(
        late,
        () => node.setPackets('dropped'),
        () => node.setPackets('passed'),
      )
  }
}

async function killAgent({ stage }: Node, milliseconds: number): Promise<void> {
  await stage.end('SIGKILL')
  await sleep(milliseconds)
  await stage.start()
}

async function between(milliseconds: number, spoil: () => Promise<void>, mend: () => Promise<void>): Promise<void> {
  await spoil()
  try {
    await sleep(milliseconds)
  } finally {
    await mend()
  }
}
