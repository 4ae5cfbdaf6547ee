import { paths, root, type SimHost } from './host.ts'

/** What a host has come to, as a value that two runs can be compared by. */
export interface Picture {
  readonly vmms: readonly string[]
  readonly links: readonly string[]
  readonly rules: unknown
  readonly forwarding: boolean
  readonly volumes: readonly string[]
  /** Paths below our folders. */
  readonly files: readonly string[]
  readonly statuses: readonly string[]
}

/** Times that something was done, over a whole run. */
export interface Counts {
  /** VMMs spawned, by VM. */
  readonly starts: Readonly<Record<string, number>>
}

/** Uids and whatever is made from them differ between two runs: they are numbered in the order of their appearance. */
export function pictureOf(host: SimHost): Picture {
  const { net, process, files } = host
  const short = shortener()
  const everything = [paths.state, paths.run].flatMap((folder) => files.everything(folder))
  return {
    vmms: process
      .vmms()
      .map(({ name, state, spec, credentials }) => {
        const memory = /size=\d+K/.exec(spec.argv.join(' '))?.[0]
        const values = [...credentials.values()].map((bytes) => new TextDecoder().decode(bytes))
        return `${name} ${state} ${memory} ${values.join('|')}`
      })
      .sort(),
    links: net
      .links()
      .filter(({ group, alias }) => group === root.group || alias.includes(root.id))
      .map(
        (link) =>
          `${link.name} ${link.alias} on ${link.master} up ${link.up} ${link.carrier} ${link.addresses.join()} ${link.mtu}`,
      ),
    rules: Object.fromEntries(
      Object.entries(net.rules().sets).map(([set, elements]) => [set, [...elements].map(withoutMac)]),
    ),
    forwarding: net.forwarding,
    volumes: everything.filter(({ path }) => /\/volumes\/[^/]+\/data\.img$/.test(path)).map(({ path }) => short(path)),
    // A draft is written over by the next one; the end of an earlier console is kept when it can be.
    files: [...new Set(everything.map(({ path }) => short(path)))]
      .filter((path) => !/\.new$|console\.log\.1$|\/ended\//.test(path))
      .sort(),
    statuses: [...(host.controller?.statuses.current ?? [])].map(([key, status]) => `${key} ${readyOf(status)}`).sort(),
  }
}

export function countsOf(host: SimHost): Counts {
  const starts: Record<string, number> = {}
  for (const { name } of host.process.spawned) starts[name] = (starts[name] ?? 0) + 1
  return { starts: Object.fromEntries(Object.entries(starts).sort()) }
}

/** Uids, ids of folders and random suffixes by their form. */
function shortener(): (path: string) => string {
  return (path) =>
    path
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'UID')
      .replace(/(?<=accepted\/UID\.)[0-9a-f]+/g, 'REVISION')
      .replace(/(?<=\/vms\/|\/ended\/)[0-9a-f]{10}/g, 'ID')
      .replace(/-[0-9a-f]{8}(?=\/|$)/g, '-HEX')
}

/** It is made from the uid. */
function withoutMac(element: string): string {
  return element.replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/, 'MAC')
}

function readyOf(status: unknown): string {
  const { conditions = [] } = status as { conditions?: readonly { type: string; status: string; reason: string }[] }
  const ready = conditions.find(({ type }) => type === 'Ready')
  return `${ready?.status} ${ready?.reason}`
}
