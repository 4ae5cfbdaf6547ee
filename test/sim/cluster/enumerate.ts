import { isQuestion } from '../host.ts'
import type { Effect, Fate } from '../mortal.ts'
import { begin } from '../progress.ts'
import { SimCluster } from './cluster.ts'
import { Operator } from './operator.ts'
import { ClusterOracles } from './oracles.ts'
import { type Picture, pictureOf } from './picture.ts'
import { describe, isAtRest } from './rest.ts'
import type { ClusterStory } from './stories.ts'

/** What strikes a process at its n-th effect since the change: its death, or what the weather does to that one request. */
export interface Blow {
  readonly client: string
  readonly effect: number
  readonly what: 'before' | 'after' | 'answer lost' | 'conflict'
}

/** An effect as it was made. */
export interface Made {
  readonly client: string
  /** `api.PATCH /apis/...` */
  readonly about: string
}

/** How a story ended. */
export interface Ending {
  readonly effects: readonly Made[]
  readonly picture: Picture
  readonly broken: readonly string[]
  readonly trace: readonly string[]
}

/** Virtual milliseconds until somebody starts again what died, and in which everything must be at rest. */
const times = { before: 12_000, again: 100, round: 70_000, patience: 600_000 }

/** Tells a story on a fresh cluster; null: nothing goes wrong. */
export async function tellCluster(story: ClusterStory, blow: Blow | null): Promise<Ending> {
  begin(`cluster story ${JSON.stringify(story.name)}, blow ${JSON.stringify(blow)}`)
  const cluster = new SimCluster(story.name, { hosts: 2, managers: 1 })
  const operator = new Operator(cluster)
  const oracles = new ClusterOracles(cluster, operator)
  const isBroken = () => oracles.broken.length > 0
  const pass = (milliseconds: number, done: () => boolean = () => false) =>
    cluster.pass(
      milliseconds,
      () => isBroken() || done(),
      () => oracles.check(),
    )
  operator.prepare()
  cluster.start()
  await pass(2000)
  story.before(operator)
  await pass(times.before)
  operator.settle()

  const effects: Made[] = []
  let at = 0
  const fateOf =
    (client: string) =>
    (effect: Effect): Fate => {
      if (!isPoint(story, effect)) return 'lives'
      if (blow === null) effects.push({ client, about: `${effect.name} ${effect.about}` })
      if (blow?.client !== client) return 'lives'
      at += 1
      if (at - 1 !== blow.effect) return 'lives'
      cluster.note(`blow: ${blow.what}`)
      if (blow.what === 'before' || blow.what === 'after') return blow.what
      cluster.weather.strike(client, blow.what)
      return 'lives'
    }
  for (const host of cluster.hosts) host.hooks.fate = fateOf(host.name)
  for (const manager of cluster.managers) manager.fate = fateOf(manager.name)
  cluster.note(`change: ${story.name}`)
  story.change(operator, cluster)
  const isDead = () =>
    [...cluster.hosts, ...cluster.managers].some((one) => one.life === null && !operator.off.has(one.name))
  const lastAt = cluster.time + (story.lasts ?? 0)
  await pass(Math.max(times.round, story.lasts ?? 0), isDead)
  if (isDead()) {
    await pass(times.again)
    for (const one of [...cluster.hosts, ...cluster.managers])
      if (one.life === null && !operator.off.has(one.name)) one.start()
    await pass(Math.max(times.round, lastAt - cluster.time))
  }
  await pass(times.patience, () => isAtRest(cluster))
  if (!isBroken() && !isAtRest(cluster)) oracles.fail('I', `not at rest: ${describe(cluster)}`)
  if (!isBroken()) oracles.atRest()
  const ending = { effects, picture: pictureOf(cluster), broken: [...oracles.broken], trace: cluster.trace.lines() }
  cluster.kill()
  return ending
}

/** Requests that change something, but for the Leases that are renewed for ever; of a deep story, effects on hosts too. */
function isPoint({ isDeep = false }: ClusterStory, effect: Effect): boolean {
  if (effect.name.startsWith('api.')) return !effect.about.includes('/leases')
  return isDeep && !isQuestion(effect)
}

/** A point that was not harmless. */
export interface Harm {
  readonly story: string
  readonly blow: Blow | null
  readonly what: string
  readonly trace: readonly string[]
}

/** Which points of a story are told: those of one share of several; of effects on hosts, each so many-th. */
export interface Part {
  readonly index: number
  readonly of: number
  readonly step: number
}

/** Every point of a story, against the run in which nothing goes wrong. Answers how many were told. */
export async function enumerateCluster(
  story: ClusterStory,
  harm: (harm: Harm) => void,
  { index, of, step }: Part = { index: 0, of: 1, step: 1 },
): Promise<number> {
  const reference = await tellCluster(story, null)
  const [first] = reference.broken
  if (first !== undefined && index === 0) harm({ story: story.name, blow: null, what: first, trace: reference.trace })
  const counts = new Map<string, number>()
  let [points, told] = [0, 0]
  for (const { client, about } of reference.effects) {
    const effect = counts.get(client) ?? 0
    counts.set(client, effect + 1)
    if (!about.startsWith('api.') && effect % step !== 0) continue
    for (const what of blowsOf(about)) {
      const blow = { client, effect, what }
      points += 1
      if (points % of !== index) continue
      told += 1
      const ending = await tellCluster(story, blow)
      const found = difference(reference, ending, story.isRace)
      if (found !== null) harm({ story: story.name, blow, what: `${found} (${about})`, trace: ending.trace })
    }
  }
  return told
}

function blowsOf(about: string): readonly Blow['what'][] {
  if (!about.startsWith('api.')) return ['before', 'after']
  // An Event that is lost is lost.
  return about.includes('/events') ? ['after'] : ['before', 'after', 'answer lost', 'conflict']
}

/** What is otherwise than in the reference; null when nothing is. */
export function difference(reference: Ending, { broken, picture }: Ending, isRace = false): string | null {
  if (broken[0] !== undefined) return broken[0]
  for (const part of isRace ? (['starts'] as const) : (['objects', 'hosts', 'starts'] as const)) {
    const [before, after] = [reference.picture[part], picture[part]]
    if (before.join('\n') === after.join('\n')) continue
    const without = (some: readonly string[], others: readonly string[]) => some.filter((one) => !others.includes(one))
    return `${part} differ: ${without(before, after).join(' ')} / ${without(after, before).join(' ')}`
  }
  return null
}
