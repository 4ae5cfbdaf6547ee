import { isMap } from '../../../src/api/rule.ts'
import type { SimHost } from '../host.ts'
import { pictureOf as pictureOfHost } from '../picture.ts'
import type { SimCluster } from './cluster.ts'

/** What a cluster has come to, as texts that two runs can be compared by. */
export interface Picture {
  readonly objects: readonly string[]
  readonly hosts: readonly string[]
  /** VMMs started, by VM, over all hosts. */
  readonly starts: readonly string[]
}

/**
 * Members that tell when, which of two that are alike, and how often a start was tried: one that its agent died in is tried
 * again, and counts, although no VMM came of it.
 */
const fleeting = new Set([
  ...['uid', 'resourceVersion', 'creationTimestamp', 'lastTransitionTime', 'startedAt', 'finishedAt', 'at', 'pid'],
  ...['revision', 'annotations', 'bootID', 'tap', 'mac', 'volume', 'managedFields', 'restarts'],
])

export function pictureOf({ mirror, hosts }: SimCluster): Picture {
  const objects: string[] = []
  for (const [kind, object] of mirror.everything()) {
    if (kind !== 'Lease' && kind !== 'Event') objects.push(...linesOf(`${kind} ${object.metadata.name}`, object))
  }
  return { objects: objects.map(withoutIds).sort(), hosts: hosts.map(hostOf), starts: startsOf(hosts) }
}

function startsOf(hosts: readonly SimHost[]): readonly string[] {
  const starts = new Map<string, number>()
  for (const { process } of hosts) for (const { name } of process.spawned) starts.set(name, (starts.get(name) ?? 0) + 1)
  return [...starts].map(([name, times]) => `${name} ${times}`).sort()
}

function hostOf(host: SimHost): string {
  const { vmms, links, rules, forwarding, volumes } = pictureOfHost(host)
  return `${host.name} ${withoutIds(JSON.stringify({ vmms, links, rules, forwarding, volumes }))}`
}

/** One line for each member that is no map or list; entries of lists go by their type or name. */
function linesOf(path: string, value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap((each, at) => linesOf(`${path}[${keyOf(each) ?? at}]`, each))
  if (!isMap(value)) return [`${path} = ${withoutIds(JSON.stringify(value))}`]
  const members = Object.entries(value).filter(([name]) => !fleeting.has(name))
  return members.flatMap(([name, each]) => linesOf(`${path}.${name}`, each))
}

function keyOf(entry: unknown): string | undefined {
  return isMap(entry) ? String(entry.type ?? entry.uid ?? entry.name ?? entry.key) : undefined
}

/** Uids differ between two runs, and so does whatever is made from them. */
function withoutIds(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/vm-[0-9a-f]{12}/g, 'TAP')
    .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC')
    .replace(/-[0-9a-f]{8}(?=[/"\\ ])/g, '-HEX')
}
