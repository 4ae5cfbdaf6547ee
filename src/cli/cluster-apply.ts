import type { AnyObject } from '../api/kinds.ts'
import { applySet, type Change, planSet, pruneGuard, type Step } from '../kubernetes/apply-set.ts'
import { newClient } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/error.ts'
import { ApiUnreachableError } from '../world/api-server.ts'
import { linuxApiServer } from '../world/linux/api-server.ts'
import { shown } from './apply.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { userAgent } from './user-agent.ts'

export interface ClusterOptions {
  readonly kubeconfig?: string
  readonly prune?: string
  readonly confirmPrune?: boolean
}

const never = new AbortController().signal

/** Applies objects to a cluster, and with `--prune SET` deletes what the set no longer holds. Answers the exit code. */
export async function applyToCluster(
  context: Context,
  objects: readonly AnyObject[],
  { kubeconfig, prune, confirmPrune }: ClusterOptions,
): Promise<number> {
  return told(async () => {
    const client = newClient(
      await linuxApiServer(kubeconfig ?? null, { userAgent: userAgent('moorage') }),
      context.clock,
    )
    const set = prune ?? null
    const steps = await planSet(client, objects, set, never)
    const guard = confirmPrune ? null : pruneGuard(steps)
    if (guard !== null) throw new Failure([guard, 'nothing was applied'])
    await applySet(client, steps, set, never, (step) => context.out(`${line(step)}\n`))
    return 0
  })
}

const signs: Readonly<Record<Change, string>> = { created: '+', configured: '~', unchanged: ' ', pruned: '-' }

/** Shows what applying would do, and does nothing: exit code 0 for nothing, 2 for changes. */
export async function planForCluster(
  context: Context,
  objects: readonly AnyObject[],
  { kubeconfig, prune }: ClusterOptions,
  json: boolean,
): Promise<number> {
  return told(async () => {
    const client = newClient(
      await linuxApiServer(kubeconfig ?? null, { userAgent: userAgent('moorage') }),
      context.clock,
    )
    const steps = await planSet(client, objects, prune ?? null, never)
    const moving = steps.filter(({ change }) => change !== 'unchanged')
    if (json) {
      const list = steps.map(({ resource, namespace, name, change }) => ({
        kind: resource.kind,
        namespace,
        name,
        change,
      }))
      context.out(`${JSON.stringify({ objects: list }, null, 2)}\n`)
    } else {
      for (const step of moving) context.out(`${signs[step.change]} ${line(step)}\n`)
      if (moving.length === 0) context.out('Everything is as wanted.\n')
    }
    const guard = pruneGuard(steps)
    if (guard !== null) context.note(`moorage: ${guard}`)
    return moving.length > 0 ? 2 : 0
  })
}

function line({ resource, namespace, name, change }: Step): string {
  return `${shown(`${resource.kind}/${namespace}/${name}`)} ${change}`
}

/** What a server says is a sentence for people; a broken connection is one, too. */
async function told(work: () => Promise<number>): Promise<number> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof ApiError || error instanceof ApiUnreachableError) throw new Failure(error.message)
    if (error instanceof Error && error.message.startsWith('the kubeconfig')) throw new Failure(error.message)
    throw error
  }
}
