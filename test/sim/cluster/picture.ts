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

/** Members that tell when, and which of two that are alike. */
const fleeting = new Set([
  ...['uid', 'resourceVersion', 'creationTimestamp', 'lastTransitionTime', 'startedAt', 'finishedAt', 'at', 'pid'],
  ...['revision', 'annotations', 'bootID', 'tap', 'mac', 'volume', 'managedFields'],
])

export function pictureOf({ mirror, hosts }: SimCluster): Picture {
  const objects: string[] = []
  for (const [kind, object] of mirror.everything()) {
    if (kind !== 'Lease' && kind !== 'Event') objects.push(`${kind} ${plain(object)}`)
  }
  return { objects: objects.sort(), hosts: hosts.map(hostOf), starts: startsOf(hosts) }
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

function plain(object: object): string {
  return withoutIds(JSON.stringify(object, (name, value) => (fleeting.has(name) ? undefined : value)))
}

/** Uids differ between two runs, and so does whatever is made from them. */
function withoutIds(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
    .replace(/vm-[0-9a-f]{12}/g, 'TAP')
    .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC')
    .replace(/-[0-9a-f]{8}(?=[/"\\ ])/g, '-HEX')
}
