import { type Fields, yaml } from '../../host/stage-manifests.ts'
import { describe, isAtRest } from '../rest.ts'
import { Stage } from '../stage.ts'
import { furnish } from './base.ts'

/** The one manifest: a bad object stands among good ones. */
const file = 'all.yaml'

/** Virtual milliseconds: until a change is noticed and a deletion believed, until rest, and until rest is believed. */
const times = { notice: 2500, patience: 120_000, belief: 3000 }

/** A host with those manifests and a controller, at rest. */
export async function openScene(
  name: string,
  objects: readonly Fields[],
): Promise<{ readonly stage: Stage; readonly broken: string | null }> {
  const stage = new Stage(name)
  furnish(stage)
  put(stage, objects)
  await stage.start()
  return { stage, broken: await rest(stage) }
}

/** The manifests say that now. */
export function put(stage: Stage, objects: readonly Fields[]): void {
  stage.writeText(file, yaml(...objects))
}

/** Until there is nothing left to do; what it says otherwise is a violation. A controller that died comes again once. */
export async function rest(stage: Stage): Promise<string | null> {
  const { host } = stage
  const done = () => stage.broken.length > 0 || (host.life !== null && isAtRest(host))
  await stage.pass(times.notice)
  if (host.life === null) host.start()
  await stage.passUntil(() => done() || host.life === null, times.patience)
  if (host.life === null) host.start()
  await stage.pass(times.belief)
  const rests = await stage.passUntil(done, times.patience)
  if (stage.broken.length > 0) return stage.broken[0]!
  return rests ? null : `I13: not at rest: ${describe(host)}`
}
