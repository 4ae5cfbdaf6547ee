import type { Command } from 'commander'
import type { AnyObject } from '../api/kinds.ts'
import { parseKey } from '../api/meta.ts'
import { openClient } from './client.ts'
import type { ClusterOptions } from './cluster-apply.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'
import { readManifests } from './manifests.ts'
import type { Page } from './page.ts'

/** `moorage apply -f PATH`: all of it, or nothing. */
export const apply: Page<[], ClusterOptions & { filename: string[]; kubernetes?: boolean }> = {
  define(command) {
    command.requiredOption('-f, --filename <path...>', 'files and folders; - reads stdin')
    clusterOptions(command)
    command.option('--confirm-prune', 'delete more than half of at least four VMs, too')
    command.addHelpText('after', '\nWhat stands in the watched directory is changed there, and refused here.')
  },
  async run(context, _args, { filename, kubernetes, ...cluster }) {
    const objects = await readObjects(context, filename)
    if (kubernetes) return (await import('./cluster-apply.ts')).applyToCluster(context, objects, cluster)
    if (cluster.prune !== undefined) throw new Failure('--prune is for a cluster: add --kubernetes')
    const { results } = await openClient(context).apply(objects)
    for (const { key, result } of results) context.out(`${shown(key)} ${result}\n`)
    return 0
  },
}

/** The objects of files and folders; a {@link Failure} when one of them is bad, or when there is none. */
export async function readObjects(context: Context, filename: readonly string[]): Promise<readonly AnyObject[]> {
  const { problems, documents } = await readManifests(context, filename)
  if (problems.length > 0) throw new Failure([...problems, 'nothing was applied'])
  const objects = documents.map(({ object }) => object).filter((object): object is AnyObject => object !== null)
  if (objects.length === 0) throw new Failure('there is no object to apply')
  return objects
}

/** Options of what applies to a cluster. */
export function clusterOptions(command: Command): void {
  command
    .option('--kubernetes', 'to a cluster, instead of the controller of this root')
    .option('--kubeconfig <file>', 'how to reach the cluster (default: as kubectl or a pod finds it)')
    .option('--prune <set>', 'these are all that there shall be of that name: delete what it held besides')
}

/** `MicroVM default/slot1` for `MicroVM/default/slot1`. */
export function shown(key: string): string {
  const { kind, namespace, name } = parseKey(key as `${string}/${string}/${string}`)
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`
}
