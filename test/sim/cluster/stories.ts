import type { SimCluster } from './cluster.ts'
import { plainVm, type WantedVm } from './objects.ts'
import type { Operator } from './operator.ts'

/** One change of a cluster at rest; told again and again with a process that dies, or a request that fails, somewhere in it. */
export interface ClusterStory {
  readonly name: string
  before(operator: Operator): void
  change(operator: Operator, cluster: SimCluster): void
  /** Also every effect of an agent on its own host is a point. */
  readonly isDeep?: boolean
  /** Which address is free depends on who was faster: only violations and starts are compared. */
  readonly isRace?: boolean
  /** Virtual milliseconds until the last that people do in it. */
  readonly lasts?: number
}

const full: WantedVm = { ...plainVm, secret: 's1', state: 'state-a' }
const member: WantedVm = { ...plainVm, secret: 's1', app: true, probe: true }

export const clusterStories: readonly ClusterStory[] = [
  {
    name: 'a first VM',
    before: () => {},
    change: (operator) => operator.apply('a', full),
    isDeep: true,
  },
  {
    name: 'a VM deleted',
    before: (operator) => operator.apply('a', full),
    change: (operator) => operator.delete('a'),
  },
  {
    name: 'a VM deleted and made again under its name',
    before: (operator) => operator.apply('a', plainVm),
    change: (operator) => operator.recreate('a', { ...plainVm, memory: 80 }),
    isDeep: true,
  },
  {
    name: 'a VM is replaced by force while its host hears nothing',
    before: (operator) => operator.apply('a', { ...full, pin: 'node-a' }),
    change: (operator, { weather, clock }) => {
      weather.cut('node-a', 'refused')
      operator.force('a', { ...full, pin: 'node-a', memory: 80 })
      clock.after(20_000, () => weather.return())
    },
    isRace: true,
    lasts: 30_000,
  },
  {
    name: 'more memory and another network',
    before: (operator) => operator.apply('a', plainVm),
    change: (operator) => operator.apply('a', { ...plainVm, memory: 80, network: 'n2' }),
  },
  {
    name: 'a Secret of a rollout over two hosts rotates',
    before: (operator) => {
      operator.setRollout(1)
      for (const name of ['a', 'b', 'c', 'd']) operator.apply(name, member)
    },
    change: (operator) => operator.rotate('s1'),
  },
  {
    name: 'two VMs of a rollout go to another network, and a new one comes',
    before: (operator) => {
      operator.setRollout(1)
      for (const name of ['a', 'b']) operator.apply(name, member)
    },
    change: (operator) => {
      for (const name of ['a', 'b']) operator.apply(name, { ...member, network: 'n2' })
      operator.apply('c', plainVm)
    },
    isRace: true,
  },
  {
    name: 'a host is turned off and fenced',
    before: (operator) => {
      operator.apply('a', plainVm)
      operator.apply('b', { ...plainVm, state: 'state-b' })
    },
    change: (operator, cluster) => {
      operator.turnOff(cluster.host('node-a')!)
      operator.fence('node-a', 'taint')
    },
  },
  {
    name: 'a host that was fenced is turned on again',
    before: (operator) => operator.apply('a', plainVm),
    change: (operator, cluster) => {
      const host = cluster.host('node-a')!
      operator.turnOff(host)
      operator.fence(host.name, 'delete')
      // A manager that has to be started anew hears of hosts for a while before it believes that one is silent.
      cluster.clock.after(150_000, () => {
        operator.turnOn(host)
        operator.unfence(host.name)
      })
    },
    lasts: 160_000,
  },
  {
    name: 'a network in use is deleted, and then its VM',
    before: (operator) => operator.apply('a', { ...plainVm, network: 'n2' }),
    change: (operator, { clock }) => {
      operator.recreateNetwork('n2')
      clock.after(3000, () => operator.delete('a'))
    },
  },
  {
    name: 'a quota holds a VM up, and is raised',
    before: (operator) => {
      operator.setQuota(1)
      operator.apply('a', plainVm)
    },
    change: (operator, { clock }) => {
      operator.apply('b', plainVm)
      clock.after(3000, () => operator.setQuota(2))
    },
  },
  {
    name: 'the status of a VM is lost',
    before: (operator) => {
      operator.apply('a', full)
      operator.apply('b', plainVm)
    },
    change: (operator) => operator.wipe('a'),
  },
  {
    name: 'a VM is halted',
    before: (operator) => operator.apply('a', full),
    change: (operator) => operator.apply('a', { ...full, strategy: 'Halted' }),
  },
]
