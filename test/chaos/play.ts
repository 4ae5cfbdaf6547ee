import { setTimeout as sleep } from 'node:timers/promises'
import { filesBelow, netPictureOf } from '../host/stage-picture.ts'
import { until } from '../host/stage-until.ts'
import { Dice } from '../sim/random.ts'
import { wrongSecrets } from './canary.ts'
import type { Change } from './change.ts'
import { drawChange } from './changes.ts'
import { drawWish } from './draw.ts'
import { type Kill, type KillKind, killedAt, kindsOf } from './kinds.ts'
import { toBeDone, wrongAtRest } from './rest.ts'
import type { Run } from './run.ts'
import { openScene, type Scene } from './scene.ts'
import type { Wish } from './wish.ts'

/** Seconds until everything must be at rest: a deletion settles for one, a failure is tried again after ten. */
const patience = 30

/** Plays the scenario of a seed on this host. The same seed does the same; when things happen is up to the host. */
export async function play(seed: number): Promise<Run<KillKind>> {
  const dice = new Dice(seed)
  const began = performance.now()
  let wish = drawWish(dice)
  const scene = await openScene(seed, wish)
  const player = newPlayer(scene)
  const changes: string[] = []
  /** How often each VM may start. */
  const starts = Object.fromEntries(Object.keys(wish.vms).map((name) => [name, 1]))
  const violations: string[] = []
  let restMilliseconds = 0
  let log = ''
  try {
    await player.begin(dice)
    for (let left = dice.between(2, 4); left > 0; left -= 1) {
      const change = drawChange(dice, wish)
      changes.push(change.name)
      wish = change.wish
      for (const name of change.touches) starts[name] = (starts[name] ?? 0) + 1
      await player.step(change, dice)
      scene.volumes.look()
    }
    const from = performance.now()
    violations.push(...(await untilAtRest(scene, wish)))
    restMilliseconds = Math.round(performance.now() - from)
    if (violations.length === 0) violations.push(...(await wrongSecrets(scene, wish)), ...(await restless(scene)))
    violations.push(...needless(scene, starts))
    violations.push(...scene.witness.doubles.filter((one) => !violations.includes(one)))
  } catch (error) {
    violations.push(`the run broke off: ${error instanceof Error ? error.message : error}`)
  } finally {
    log = scene.stage.log()
    await scene.close()
  }
  const kills = kindsOf(player.kills, log)
  const milliseconds = Math.round(performance.now() - began)
  const { looks } = scene.witness
  return {
    seed,
    kills,
    changes,
    violations,
    looks,
    restMilliseconds,
    milliseconds,
    log: violations.length > 0 ? log : '',
  }
}

/** Starts and kills the controller of a scene. */
interface Player {
  readonly kills: readonly Kill[]
  begin(dice: Dice): Promise<void>
  step(change: Change, dice: Dice): Promise<void>
}

function newPlayer(scene: Scene): Player {
  const { stage } = scene
  const kills: Kill[] = []
  const kill = async () => {
    await stage.end('SIGKILL')
    kills.push(killedAt(scene))
  }
  /** One that is killed before anybody asked it anything, most often while it begins. */
  const startInVain = async (milliseconds: number) => {
    // Its successor answers in its place, or its end is the next one's to tell.
    void stage.start().catch(() => {})
    await sleep(milliseconds)
    await kill()
  }
  const start = async (dice: Dice) => {
    if (dice.chance(0.25)) await startInVain(dice.between(0, 700))
    await stage.start()
    if (dice.chance(0.5)) await sleep(dice.between(0, 500))
  }
  return {
    kills,
    begin: start,
    async step(change, dice) {
      const [isAway, pause, late] = [dice.chance(0.25), dice.between(0, 400), dice.between(200, 800)]
      if (isAway && !change.asks) {
        await kill()
        await change.act(scene)
        await startInVain(late)
      } else {
        await change.act(scene)
        await sleep(pause)
        await kill()
      }
      await start(dice)
    },
  }
}

/** Milliseconds after which what is wrong, and of which nothing is planned any more, counts as left so. */
const settled = 6000

/** Waits; what is still wrong in the end. */
async function untilAtRest(scene: Scene, wish: Wish): Promise<readonly string[]> {
  let wrong: readonly string[] = ['nobody looked']
  let since = performance.now()
  const look = async () => {
    const found = await wrongAtRest(scene, wish).catch((error: Error) => [`it cannot be looked at: ${error.message}`])
    if (`${found}` !== `${wrong}` || found.some((one) => one.startsWith(toBeDone))) since = performance.now()
    wrong = found
    return wrong.length === 0 || performance.now() - since > settled
  }
  await until('at rest', patience, look).catch(() => {})
  return wrong
}

/** VMs that were started although nobody touched them. */
function needless({ witness }: Scene, starts: Readonly<Record<string, number>>): readonly string[] {
  return [...witness.pids].flatMap(([name, pids]) => {
    const most = starts[name.replace('default.', '')] ?? 0
    return pids.size <= most ? [] : [`I9: ${name} had ${pids.size} VMMs, at most ${most} were asked for`]
  })
}

/** Passes that have to change nothing. */
const idlePasses = 3

async function restless({ stage }: Scene): Promise<readonly string[]> {
  const picture = async () => ({
    net: await netPictureOf(stage),
    vmms: stage.vmms(),
    state: filesBelow(stage.state, true),
    run: filesBelow(stage.run, true),
  })
  const passes = () => stage.log().split('"msg":"pass"').length - 1
  const before = await picture()
  for (let pass = 0; pass < idlePasses; pass += 1) {
    const done = passes()
    await stage.wake()
    await until('a pass is done', 10, () => passes() > done)
  }
  const after = await picture()
  return Object.entries(before).flatMap(([what, was]) => {
    const now = after[what as keyof typeof after]
    return JSON.stringify(now) === JSON.stringify(was)
      ? []
      : [`I13: passes at rest change ${what}: ${differenceOf(was, now)}`]
  })
}

function differenceOf(was: unknown, now: unknown): string {
  const lines = (value: unknown) => JSON.stringify(value, null, 1).split('\n')
  const [old, fresh] = [new Set(lines(was)), new Set(lines(now))]
  const gone = [...old].filter((line) => !fresh.has(line)).map((line) => `-${line.trim()}`)
  const come = [...fresh].filter((line) => !old.has(line)).map((line) => `+${line.trim()}`)
  return [...gone, ...come].join(' ').slice(0, 800)
}
