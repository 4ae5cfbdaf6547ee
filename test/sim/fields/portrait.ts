import { canonical } from '../../../src/digest.ts'
import { ephemeralName, macAddress, tapName } from '../../../src/resolve/names.ts'
import { paths, type SimHost } from '../host.ts'
import { pictureOf } from '../picture.ts'

interface Said {
  readonly conditions?: readonly {
    readonly type: string
    readonly status: string
    readonly reason: string
    readonly message: string
  }[]
  readonly [name: string]: unknown
}

/** A host as a value: part by part, each a list of lines that two hosts with the same manifests have alike. */
export type Portrait = Readonly<Record<string, readonly string[]>>

/**
 * Everything of ours on a host: whole command lines of VMMs and what they read, links, rules, volumes with their sizes
 * and file systems, statuses but for times and counts, how each VM is to be stopped. What follows from a uid stands
 * there by the name of its object.
 */
export function portraitOf(host: SimHost): Portrait {
  const named = namer(host)
  const { forwarding, links, files } = pictureOf(host)
  const images = host.files.everything(paths.volumes).filter(({ path }) => path.endsWith('/data.img'))
  const parts: Record<string, readonly string[]> = {
    vmms: host.process.vmms().map((vmm) => {
      const values = [...vmm.credentials].map(([path, bytes]) => `${path}=${new TextDecoder().decode(bytes)}`)
      return `${vmm.name} ${vmm.state} up ${vmm.up} user ${vmm.spec.uid} ${vmm.spec.argv.join(' ')} ${values.join(' ')}`
    }),
    links,
    rules: [
      ...Object.entries(host.net.rules().sets).flatMap(([set, elements]) =>
        elements.map((one: string) => `${set}: ${one}`),
      ),
      `chains ${host.net.rules().chains === host.net.rules().reference}`,
      `forwarding ${forwarding}`,
    ],
    volumes: images.map(({ path }) => `${path} ${volumeText(host, path)}`),
    files,
    statuses: [...(host.controller?.statuses.current ?? [])].map(([key, status]) => `${key} ${statusText(status)}`),
    records: Object.values(host.controller?.ledger.current.machines ?? {}).map(
      ({ ref, power, addresses, crashes, started }) =>
        canonical([ref.name, power, addresses, crashes.count, started?.powerOff ?? null, started?.ended?.how ?? null]),
    ),
  }
  return Object.fromEntries(Object.entries(parts).map(([part, lines]) => [part, lines.map(named).toSorted()]))
}

/** What is otherwise, part by part; empty when nothing is. */
export function differencesOf(wanted: Portrait, seen: Portrait): readonly string[] {
  return Object.keys(wanted).flatMap((part) => {
    const missing = wanted[part]!.filter((line) => !seen[part]!.includes(line))
    const more = seen[part]!.filter((line) => !wanted[part]!.includes(line))
    if (missing.length === 0 && more.length === 0) return []
    return [`${part}: fresh ${JSON.stringify(missing)}, here ${JSON.stringify(more)}`]
  })
}

/** Uids and what is made from them, each by the name of its object. */
function namer(host: SimHost): (text: string) => string {
  const names: [string, string][] = []
  const machines = host.controller?.ledger.current.machines ?? {}
  for (const { key, uid, object } of host.controller?.last?.source.objects ?? []) {
    names.push([uid, `UID(${key})`], [uid.replaceAll('-', '').slice(0, 10), `ID(${key})`])
    if (object.kind !== 'MicroVM') continue
    for (const { name, address } of object.spec.interfaces ?? []) {
      names.push([tapName(uid, name), `TAP(${key}/${name})`], [macAddress(uid, name), `MAC(${key}/${name})`])
      // What a VM was given first it keeps, so a fresh one may have another.
      const given = address === undefined ? machines[uid]?.addresses[name] : undefined
      if (given !== undefined) names.push([given, `ADDRESS(${key}/${name})`])
    }
    for (const { name } of object.spec.disks ?? []) names.push([ephemeralName(uid, name), `EPHEMERAL(${key}/${name})`])
    const user = machines[uid]?.user
    if (user !== undefined) names.push([String(user), `USER(${key})`])
  }
  const to = new Map(names)
  const any = names.map(([from]) => `(?<![0-9a-z.-])${from.replaceAll('.', '[.]')}(?![0-9a-z])`)
  const pattern = names.length === 0 ? /$^/ : new RegExp(any.join('|'), 'g')
  return (text) => text.replace(pattern, (from) => to.get(from)!)
}

function volumeText(host: SimHost, path: string): string {
  const node = host.files.at(path, false)
  if (node?.type !== 'file') return 'none'
  const record = JSON.parse(host.files.text(path.replace('data.img', 'volume.json')) ?? '{}') as { size?: number }
  const mark = new TextDecoder().decode(node.bytes).split('\n')[0]
  return `${record.size} bytes, ${mark}, user ${node.uid}`
}

/** Without times, counts and what names one process. */
function statusText(status: unknown): string {
  const {
    observedGeneration: _,
    hypervisor: __,
    restarts: ___,
    credentials: ____,
    conditions = [],
    ...rest
  } = status as Said
  const told = conditions
    .map(({ type, status: is, reason, message }) => `${type} ${is} ${reason} ${message}`)
    .toSorted()
  return JSON.stringify([rest, told])
}

/** Why objects are stalled, by key. */
export function stalledOf(host: SimHost): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [key, status] of host.controller?.statuses.current ?? []) {
    const stalled = (status as Said).conditions?.find(({ type }) => type === 'Stalled')
    if (stalled?.status === 'True') found.set(key, `${stalled.reason}: ${stalled.message}`)
  }
  return found
}
