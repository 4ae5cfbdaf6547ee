import { openController } from '../controller/controller.ts'
import { openRoot } from '../controller/ledger.ts'
import type { Look } from '../controller/look.ts'
import { withDeadline } from '../world/deadline.ts'
import { linuxWorld } from '../world/linux/world.ts'
import { readOnlyFiles, readOnlyWorld } from '../world/read-only.ts'
import { quickChecks } from './checks.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { seenFeatures } from './features.ts'
import type { Planned, PlanOptions } from './plan.ts'
import { makeDirectories } from './run-directories.ts'
import { openLog } from './run-log.ts'
import { settingsOf } from './run-settings.ts'

/** Milliseconds for all of it, and for manifests that vanished to be taken as deleted. */
const longest = { all: 60_000, settling: 5_000 }

/**
 * What a controller would do if it were started now: the same controller, in a world that cannot be changed. A root that
 * nobody has used yet gets an identity for the occasion.
 */
export async function planWithoutController(context: Context, options: PlanOptions): Promise<Planned> {
  const bad = (await quickChecks(context.files, context.paths)).filter(({ state }) => state === 'fail')
  const isBlind = bad.filter(({ name }) => ['user', 'ip', 'nft', 'root'].includes(name))
  if (isBlind.length > 0) throw new Failure(isBlind.map(({ says }) => says))
  const files = readOnlyFiles(context.files)
  await makeDirectories(files, context.paths)
  const { manifests, ...settings } = await settingsOf(context, options)
  const root = await openRoot({ files, random: context.random }, context.paths)
  const world = { ...readOnlyWorld(linuxWorld(root)), files }
  return withDeadline(context.clock, longest.all, null, async (signal) => {
    const controller = await openController({
      world,
      paths: context.paths,
      root,
      ...settings,
      from: { manifests },
      features: await seenFeatures(world, signal),
      log: await openLog(context, 'error'),
    })
    try {
      const { source, view } = await lookUntilSettled(context, () => controller.look(signal), signal)
      const { refusals, waits, actions } = view.plan
      return {
        plan: { actions, refusals: [...view.refusals, ...refusals], waits },
        problems: source.problems,
        hold: source.hold,
      }
    } finally {
      await controller.close()
    }
  })
}

/** What vanished counts as deleted only when it stays away for a moment: so it is looked at again. */
async function lookUntilSettled({ clock }: Context, look: () => Promise<Look>, signal: AbortSignal): Promise<Look> {
  const until = clock.now() + longest.settling
  for (;;) {
    const found = await look()
    const { recheckAt } = found.source
    if (recheckAt === null || recheckAt > until) return found
    await clock.sleep(Math.max(20, recheckAt - clock.now()), signal)
  }
}
