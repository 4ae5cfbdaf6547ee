import { Option } from 'commander'
import type { Plan } from '../action.ts'
import type { Problems } from '../controller/control-wire.ts'
import { problemText } from '../source/problem-text.ts'
import { clusterOptions, readObjects } from './apply.ts'
import { NoController, openClient } from './client.ts'
import type { ClusterOptions } from './cluster-apply.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import type { Page } from './page.ts'
import { planText } from './plan-text.ts'

export interface PlanOptions extends ClusterOptions {
  readonly kubernetes?: boolean
  readonly filename?: string[]
  readonly output: 'text' | 'json'
  readonly config?: string
  readonly manifests?: string
}

/** Exit codes, as in `terraform plan -detailed-exitcode`. */
const codes = { nothing: 0, changes: 2 }

/** `moorage plan`. */
export const plan: Page<[], PlanOptions> = {
  define(command) {
    command
      .addOption(new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text'))
      .option('--config <file>', 'settings; only when no controller runs')
      .option('--manifests <dir>', 'watched directory; only when no controller runs')
      .option('-f, --filename <path...>', 'with --kubernetes: what would be applied')
    clusterOptions(command)
    command.addHelpText(
      'after',
      '\nAsks the running controller; without one it looks by itself and writes nothing. With --kubernetes it says what\nmoorage apply of those files would change in the cluster.\nExits 0 when there is nothing to do, 2 when there is, 1 on an error.',
    )
  },
  async run(context, _args, options) {
    if (options.kubernetes) return againstCluster(context, options)
    const { plan, problems, hold } = await ask(context).catch((error: unknown) => {
      if (error instanceof NoController) return lookHere(context, options)
      throw error
    })
    if (hold !== null) context.note(`moorage: nothing is taken as deleted: ${hold}`)
    for (const problem of problems) context.note(`moorage: ${problemText(problem)}`)
    context.out(options.output === 'json' ? `${JSON.stringify(plan, null, 2)}\n` : planText(plan))
    return plan.actions.length > 0 ? codes.changes : codes.nothing
  },
}

async function againstCluster(context: Context, { filename, output, ...cluster }: PlanOptions): Promise<number> {
  if (filename === undefined) throw new Failure('with --kubernetes, say what would be applied: -f PATH')
  const { planForCluster } = await import('./cluster-apply.ts')
  return planForCluster(context, await readObjects(context, filename), cluster, output === 'json')
}

/** A plan, with what is wrong with the manifests that it is made of. */
export type Planned = Problems & { readonly plan: Plan }

async function ask(context: Context): Promise<Planned> {
  const client = openClient(context)
  const plan = await client.plan()
  return { ...(await client.problems()), plan }
}

async function lookHere(context: Context, options: PlanOptions): Promise<Planned> {
  const { planWithoutController } = await import('./plan-here.ts')
  return planWithoutController(context, options)
}
