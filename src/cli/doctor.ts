import { availableParallelism, totalmem } from 'node:os'
import { configSchema, readConfig, usersOf } from '../controller/config.ts'
import { withDeadline } from '../world/deadline.ts'
import { linuxWorld } from '../world/linux/world.ts'
import type { World } from '../world/world.ts'
import { type Check, checkProgram, fail, ok, quickChecks, warn } from './checks.ts'
import { NoController, openClient } from './client.ts'
import { type Context, rootOption } from './context.ts'
import { seenFeatures } from './features.ts'
import type { Page } from './page.ts'
import { progress } from './progress.ts'
import { table } from './table.ts'
import { tryKvm, tryNetwork } from './trial.ts'

/** Milliseconds for all that is tried. */
const deadline = 30_000

/** `moorage doctor`. */
export const doctor: Page<[], { output: string }> = {
  define(command) {
    command.addHelpText(
      'after',
      '\nExits 1 when VMs cannot run here. What is tried is undone; nothing of yours is touched.',
    )
  },
  async run(context) {
    const line = progress(context)
    line.show('looking at this host')
    const checks = await withDeadline(context.clock, deadline, null, (signal) =>
      examine(context, line.show, signal),
    ).finally(() => line.clear())
    context.out(table([['CHECK', 'STATE', 'WHAT'], ...checks.map(({ name, state, says }) => [name, state, says])]))
    const bad = checks.filter(({ state }) => state === 'fail')
    if (bad.length > 0) context.note(`moorage: VMs cannot run here yet: see ${bad.map(({ name }) => name).join(', ')}`)
    return bad.length > 0 ? 1 : 0
  },
}

async function examine(context: Context, show: (text: string) => void, signal: AbortSignal): Promise<readonly Check[]> {
  const { files, paths } = context
  // A root that nobody has: nothing on this host bears it, so nothing is taken for ours.
  const world = linuxWorld({ id: '00000000', group: 2 })
  const quick = await quickChecks(files, paths)
  const isRoot = quick.find(({ name }) => name === 'user')?.state === 'ok'
  const hasQemu = quick.find(({ name }) => name === 'qemu-system-x86_64')?.state === 'ok'
  show('trying TAP, nftables and KVM')
  return [
    ...quick,
    checkProgram('mkfs.ext4', 'e2fsprogs', 'warn'),
    ...(await checkConfig(context)),
    ...(await checkController(context)),
    ...(isRoot ? await tryNetwork(world, signal) : []),
    ...(isRoot ? await foreignFirewall(world, signal) : []),
    ...(isRoot && hasQemu ? await tryKvm(world, await users(context), await qemuOf(world, signal), signal) : []),
    await checkSpace(context),
    ok('machine', `${availableParallelism()} processors, ${Math.round(totalmem() / 2 ** 30)} GiB of memory`),
  ]
}

async function checkConfig({ files, paths }: Context): Promise<readonly Check[]> {
  try {
    await readConfig(files, paths.config)
    const there = (await files.statFollowing(paths.config)) !== null
    return [ok('config', there ? paths.config : `${paths.config} is not there: defaults`)]
  } catch (error) {
    return [fail('config', error instanceof Error ? error.message : String(error))]
  }
}

async function users({ files, paths }: Context): Promise<number> {
  const config = await readConfig(files, paths.config).catch(() => configSchema.parse({}))
  return usersOf(config, { id: '00000000', group: 2 }).first
}

async function qemuOf(world: World, signal: AbortSignal): Promise<string | null> {
  return (await seenFeatures(world, signal)).programs['qemu-system-x86_64']?.path ?? null
}

async function checkController(context: Context): Promise<readonly Check[]> {
  try {
    const { problems, hold } = await openClient(context).problems()
    if (hold !== null) return [warn('controller', `runs, and takes nothing as deleted: ${hold}`)]
    if (problems.length === 0) return [ok('controller', 'runs')]
    return [
      warn(
        'controller',
        `runs, and finds ${problems.length} problems in the manifests; see: moorage plan${rootOption(context.paths)}`,
      ),
    ]
  } catch (error) {
    if (error instanceof NoController) return [ok('controller', 'does not run')]
    return [warn('controller', error instanceof Error ? error.message : String(error))]
  }
}

async function foreignFirewall(world: World, signal: AbortSignal): Promise<readonly Check[]> {
  try {
    const { rules } = await world.net.dump(signal)
    if (rules.foreign.length === 0) return [ok('firewall', 'no foreign chain drops forwarded packets by policy')]
    const chains = rules.foreign.join(', ')
    return [warn('firewall', `${chains} drops forwarded packets by policy; let it accept those of our bridges`)]
  } catch (error) {
    return [fail('firewall', error instanceof Error ? error.message : String(error))]
  }
}

/** Of the folder that volumes are in, or will be. */
async function checkSpace({ files, paths }: Context): Promise<Check> {
  const parts = paths.volumes.split('/')
  for (let length = parts.length; length > 0; length -= 1) {
    const folder = parts.slice(0, length).join('/') || '/'
    if ((await files.statFollowing(folder)) === null) continue
    const gib = (await files.free(folder)) / 2 ** 30
    const says = `${gib.toFixed(1)} GiB are free in ${folder}`
    return gib < 1 ? warn('space', `${says}; make room before VMs write`) : ok('space', says)
  }
  return warn('space', 'there is no file system to look at')
}
