import { isQuestion, SimHost } from './host.ts'
import type { Effect, Fate } from './mortal.ts'
import { Oracles } from './oracles.ts'
import { type Counts, countsOf, type Picture, pictureOf } from './picture.ts'
import { begin } from './progress.ts'
import { isAtRest } from './rest.ts'
import { Site } from './site.ts'
import type { Story } from './stories.ts'
import { nothing } from './wanted.ts'

/** When a controller dies: at its n-th effect since the change, and where in it. */
export interface Death {
  readonly effect: number
  /** Only effects that change the host are counted. */
  readonly changing?: boolean
  readonly fate: Exclude<Fate, 'lives'>
}

export const fates = ['before', 'during', 'after'] as const

/** An effect as it was made. */
export interface Made extends Effect {
  /** Whether the host is another one for it. */
  readonly changes: boolean
}

/** How a story ended. */
export interface Ending {
  /** Effects from the change until rest. */
  readonly effects: readonly Made[]
  /** Ids of the actions that were planned in that time. */
  readonly actions: readonly string[]
  readonly picture: Picture
  readonly counts: Counts
  readonly broken: readonly string[]
  readonly trace: readonly string[]
  /** Deaths that happened; fewer than asked for when it was at rest before. */
  readonly died: number
}

/** Virtual milliseconds: until whoever watches the service starts it again, until rest, and until rest is believed. */
const times = { again: 100, patience: 900_000, round: 65_000 }

/** Tells a story on a fresh host; the controllers die as told, each one's effects counted from its own start. */
export async function tell(story: Story, deaths: readonly Death[]): Promise<Ending> {
  begin(`story ${JSON.stringify(story.name)}, deaths ${JSON.stringify(deaths)}`)
  const host = new SimHost(story.name, { trace: 400 })
  const site = new Site(host, { ...nothing, ...story.before })
  const oracles = new Oracles(host, site, new Map())
  const check = () => oracles.check()
  const isBroken = () => oracles.broken.length > 0
  const settle = async () => {
    await host.pass(3000, isBroken, check)
    await host.pass(times.patience, () => isBroken() || isAtRest(host), check)
    await host.pass(times.round, isBroken, check)
    await host.pass(times.patience, () => isBroken() || isAtRest(host), check)
  }
  host.start()
  await host.pass(3000, isBroken, check)
  await host.pass(times.patience, () => isBroken() || isAtRest(host), check)

  const effects: Made[] = []
  const actions = new Set<string>()
  const note = () => {
    check()
    for (const { id } of host.controller?.last?.view.plan.actions ?? []) actions.add(id)
  }
  let died = 0
  let at = 0
  host.hooks.fate = (effect) => {
    const death = deaths[died]
    const changes = isChange(host, effect)
    if (deaths.length === 0) effects.push({ ...effect, changes })
    if (death?.changing && !changes) return 'lives'
    at += 1
    if (death === undefined || at - 1 !== death.effect) return 'lives'
    died += 1
    return death.fate
  }
  host.note(`change: ${story.name}`)
  story.change(site, host)
  for (const _ of [...deaths, null]) {
    await host.pass(times.round, () => isBroken() || host.life === null, note)
    if (host.life !== null) break
    at = 0
    await host.pass(times.again)
    host.start()
  }
  host.hooks.fate = () => 'lives'
  await settle()
  if (!isBroken() && !isAtRest(host)) oracles.broken.push('I13: not at rest')
  if (!isBroken()) oracles.atRest()
  const ending = { effects, actions: [...actions], picture: pictureOf(host), counts: countsOf(host), died }
  const broken = [...oracles.broken]
  host.hooks.fate = () => 'lives'
  host.kill()
  return { ...ending, broken, trace: host.trace.lines() }
}

/** A question, or a folder that is there, leaves the host as it was. */
function isChange(host: SimHost, effect: Effect): boolean {
  if (effect.name === 'files.makeDirectory') return !host.has(effect.about)
  return !isQuestion(effect) || effect.name === 'files.sync'
}

/** What can be done by half; to die in the middle of any other effect is to die behind it. */
const divisible = /^(files\.create|net\.commit|stream\.write)$/

/** A crash point that was not harmless. */
export interface Harm {
  readonly story: string
  readonly deaths: readonly Death[]
  readonly what: string
  readonly trace: readonly string[]
}

/** Every single crash point of a story against the run in which nobody dies. */
export async function enumerateOne(
  story: Story,
  harm: (harm: Harm) => void,
): Promise<{ points: number; changes: number }> {
  const reference = await tell(story, [])
  if (reference.broken.length > 0)
    harm({ story: story.name, deaths: [], what: reference.broken[0]!, trace: reference.trace })
  let points = 0
  for (let effect = 0; effect < reference.effects.length; effect += 1) {
    for (const fate of fates) {
      if (fate === 'during' && !divisible.test(reference.effects[effect]!.name)) continue
      points += 1
      const deaths = [{ effect, fate }]
      const ending = await tell(story, deaths)
      const what = difference(reference, ending)
      if (what !== null) harm({ story: story.name, deaths, what, trace: ending.trace })
    }
  }
  return { points, changes: reference.effects.filter(({ changes }) => changes).length }
}

/**
 * Every pair: the second controller dies, too, before or after each of its effects. Only effects that change the host are
 * counted, since dying at another one leaves what dying at its neighbour leaves. `step`: only each so many-th of either.
 */
export async function enumerateTwo(story: Story, harm: (harm: Harm) => void, step = 1): Promise<{ points: number }> {
  const reference = await tell(story, [])
  let points = 0
  const changes = reference.effects.filter((effect) => effect.changes).length
  for (let first = 0; first < changes; first += step) {
    for (let second = 0; ; second += step) {
      const deaths: Death[] = [
        { effect: first, changing: true, fate: first % 2 === 0 ? 'before' : 'after' },
        { effect: second, changing: true, fate: second % 2 === 0 ? 'after' : 'before' },
      ]
      const ending = await tell(story, deaths)
      // The second one came to rest before.
      if (ending.died < 2) break
      points += 1
      const what = difference(reference, ending)
      if (what !== null) harm({ story: story.name, deaths, what, trace: ending.trace })
    }
  }
  return { points }
}

/** What is otherwise than in the reference; null when nothing is. */
export function difference(reference: Ending, ending: Ending): string | null {
  if (ending.broken.length > 0) return ending.broken[0]!
  for (const [what, before] of Object.entries(reference.picture)) {
    const after = ending.picture[what as keyof Picture]
    if (JSON.stringify(before) !== JSON.stringify(after)) {
      return `${what} differ: ${missing(before, after)} / ${missing(after, before)}`
    }
  }
  const [before, after] = [reference.counts.starts, ending.counts.starts]
  return JSON.stringify(before) === JSON.stringify(after)
    ? null
    : `I9: starts are ${JSON.stringify(after)}, in the reference ${JSON.stringify(before)}`
}

function missing(from: unknown, inside: unknown): string {
  if (!Array.isArray(from) || !Array.isArray(inside)) return JSON.stringify(from)
  return JSON.stringify(from.filter((one) => !inside.includes(one)))
}
