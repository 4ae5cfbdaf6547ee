import { count } from '../faults.ts'
import type { Dice } from '../random.ts'
import type { SimCluster } from './cluster.ts'
import { team } from './objects.ts'
import type { Operator } from './operator.ts'

type Storm = (cluster: SimCluster, dice: Dice, operator: Operator) => void

/** What happens to the server as a whole, to all of its clients or to one, and to processes. */
const storms: Readonly<Record<string, readonly [number, Storm]>> = {
  'history compacted': [4, (cluster) => cluster.compact()],
  'all watches cut': [3, ({ server }) => server.cut()],
  'server away': [4, (cluster, dice) => away(cluster, dice, dice.pick([3000, 30_000, 180_000]))],
  'server away for an hour': [1, (cluster, dice) => dice.chance(0.3) && away(cluster, dice, 3_600_000)],
  'every watch too old': [2, everyWatchTooOld],
  'client cut off': [5, cutOff],
  'writes of another': [4, writeBeside],
  'agent killed': [5, (cluster, dice, operator) => kill(cluster, dice, operator)],
  'manager killed': [5, (cluster, dice) => again(cluster, dice, dice.pick(cluster.managers), 'kill')],
  'manager ended': [2, (cluster, dice) => again(cluster, dice, dice.pick(cluster.managers), 'end')],
}

export const stormKinds: readonly string[] = Object.keys(storms)

/** Something happens that nobody wanted. */
export function storm(cluster: SimCluster, dice: Dice, operator: Operator): void {
  const kind = dice.weighted(Object.entries(storms).map(([name, [weight]]) => [weight, name] as const))
  count(cluster.tally, kind)
  cluster.note(`storm: ${kind}`)
  storms[kind]![1](cluster, dice, operator)
}

function away({ weather, clock }: SimCluster, dice: Dice, milliseconds: number): void {
  weather.leave(dice.pick(['refused', 'mute']))
  clock.after(milliseconds, () => weather.return())
}

/** As of a server whose cache of watches is not ready. */
function everyWatchTooOld({ weather, clock, server }: SimCluster): void {
  weather.tooOld = true
  server.cut()
  clock.after(20_000, () => {
    weather.tooOld = false
  })
}

function cutOff({ weather, clock, hosts, managers }: SimCluster, dice: Dice): void {
  weather.cut(dice.pick([...hosts, ...managers]).name, dice.pick(['refused', 'mute']))
  clock.after(dice.pick([5000, 60_000, 200_000]), () => weather.return())
}

/** Another controller writes into objects again and again: whoever read one before has an old version. */
function writeBeside({ kubectl, clock, mirror }: SimCluster, dice: Dice): void {
  const [key] = dice.shuffle([...mirror.of('MicroVM').keys()])
  if (key === undefined) return
  const name = key.replace(`${team}/`, '')
  for (let at = 0; at < 40; at += 1) {
    clock.after(at * dice.between(20, 120), () => {
      kubectl.patch('MicroVM', team, name, { metadata: { annotations: { 'example.com/beside': String(at) } } })
    })
  }
}

function kill({ hosts, clock }: SimCluster, dice: Dice, { off }: Operator): void {
  const host = dice.pick(hosts)
  host.kill()
  clock.after(dice.pick([10, 1000, 60_000]), () => {
    if (host.life === null && !off.has(host.name)) host.start()
  })
}

function again({ clock }: SimCluster, dice: Dice, manager: SimCluster['managers'][number], how: 'kill' | 'end'): void {
  manager[how]()
  clock.after(dice.pick([10, 1000, 60_000]), () => {
    if (manager.life === null) manager.start()
  })
}
