import { setTimeout as sleep } from 'node:timers/promises'
import { network } from '../../host/stage-manifests.ts'
import { until } from '../../host/stage-until.ts'
import { writesOf } from '../../kubernetes/audit.ts'
import { tenant } from '../../kubernetes/cluster.ts'
import { type Disruption, disrupt, disruptions } from '../../kubernetes/disruption.ts'
import { putRest, restImage } from '../../kubernetes/images.ts'
import { type Installation, openInstallation } from '../../kubernetes/installation.ts'
import { wrongAtRest } from '../../kubernetes/rest.ts'
import { Dice } from '../../sim/random.ts'
import type { Run } from '../run.ts'
import { type Witness, watchVmms } from '../witness.ts'
import { drawChange } from './change.ts'
import { networks, type Wish } from './wish.ts'

/** Seconds until everything must be at rest: a manager that was killed is missed after fifteen, a host after forty. */
const patience = 120

/** Milliseconds for which what is at rest has to write nothing but Leases, and how often it is looked for that. */
const calm = 5000
const times = 10

/** A cluster of two hosts on which one run after the other is played; a run leaves nothing behind. */
export async function openGround(): Promise<Installation> {
  const installation = await openInstallation({ nodes: ['node-a', 'node-b'], prepare: putRest })
  const allowed = { networks: networks.map((name) => ({ name })), images: ['rest'], hostIdentifiers: ['TAP'] }
  const image = restImage(installation.nodes[0]!.stage)
  await installation.offer(tenant('default', allowed), ...networks.map((name) => network(name)), image)
  return installation
}

/** Plays the scenario of a seed. The same seed does the same; when things happen is up to the machine. */
export async function play(installation: Installation, seed: number): Promise<Run<Disruption>> {
  const dice = new Dice(seed)
  const began = performance.now()
  const witness = watchVmms(installation.nodes.map(({ stage }) => stage))
  const [kills, changes, violations]: [Disruption[], string[], string[]] = [[], [], []]
  /** How often each VM may start. */
  const starts: Record<string, number> = {}
  let wish: Wish = {}
  let restMilliseconds = 0
  try {
    for (let left = dice.between(3, 6); left > 0; left -= 1) {
      const change = drawChange(dice, wish)
      changes.push(change.name)
      wish = change.wish
      for (const name of change.touches) starts[name] = (starts[name] ?? 0) + 1
      const some = Array.from({ length: dice.between(1, 2) }, () => dice.weighted(disruptions))
      kills.push(...some)
      const [fate, pause, before] = [dice.fork('fate'), dice.between(0, 1500), dice.chance(0.5)]
      const spoiling = async () => {
        await sleep(before ? 0 : pause)
        for (const one of some) await disrupt(installation, one, fate)
      }
      const changing = async () => {
        await sleep(before ? pause : 0)
        await change.act(installation)
      }
      // Both end before anything is judged, whatever becomes of one of them.
      const ends = await Promise.allSettled([spoiling(), changing()])
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    }
    const from = performance.now()
    violations.push(...(await untilAtRest(installation, wish)))
    restMilliseconds = Math.round(performance.now() - from)
    if (violations.length === 0) violations.push(...(await restless(installation)))
    violations.push(...needless(witness, starts))
    await installation.cluster.kubectl('delete', 'microvms', '--all', '--wait=false')
    violations.push(...(await untilAtRest(installation, {})))
    await installation.history.caughtUp()
    violations.push(...installation.history.wrong, ...witness.doubles)
  } catch (error) {
    violations.push(`the run broke off: ${error instanceof Error ? error.message : error}`)
  } finally {
    witness.stop()
  }
  return {
    ...{ seed, kills, changes, restMilliseconds, looks: witness.looks },
    violations: [...new Set(violations)],
    milliseconds: Math.round(performance.now() - began),
    log: violations.length > 0 ? installation.tail(60) : '',
  }
}

/** Waits; what is still wrong in the end. */
async function untilAtRest(installation: Installation, wish: Wish): Promise<readonly string[]> {
  let wrong: readonly string[] = ['nobody looked']
  const look = async () => {
    wrong = await wrongAtRest(installation, Object.values(wish)).catch((error: Error) => [
      `it cannot be looked at: ${error.message}`,
    ])
    return wrong.length === 0
  }
  await until('at rest', patience, look).catch(() => {})
  return wrong
}

/** VMs that were started although nobody touched them. */
function needless({ pids }: Witness, starts: Readonly<Record<string, number>>): readonly string[] {
  return [...pids].flatMap(([name, seen]) => {
    const most = starts[name.replace('default.', '')] ?? 0
    return seen.size <= most ? [] : [`I9: ${name} had ${seen.size} VMMs, at most ${most} were asked for`]
  })
}

/**
 * What is still written in the last of some calm times, of which one has to be without a word. A host that was cut off says
 * late what happened meanwhile: until then the server shows what was, which may look like what is wanted.
 */
async function restless({ audit, history, nodes }: Installation): Promise<readonly string[]> {
  for (const { stage } of nodes) await stage.settled(30)
  let written: readonly string[] = []
  for (let time = 0; time < times; time += 1) {
    const began = Date.now()
    await sleep(calm)
    await history.caughtUp()
    written = writesOf(audit.since(began))
      .filter(({ from, resource }) => from !== 'other' && resource !== 'leases')
      .map(({ from, verb, resource, name }) => `I13: at rest the ${from} asked to ${verb} ${resource} ${name}`)
    if (written.length === 0) break
  }
  return written
}
