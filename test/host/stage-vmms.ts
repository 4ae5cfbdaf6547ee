import { readdirSync, readFileSync, statSync } from 'node:fs'

/** A VMM, as /proc tells. */
export interface Vmm {
  readonly pid: number
  /** Unix uid. */
  readonly user: number
  /** `default.NAME`. */
  readonly name: string
}

/** Unix uids of one root's VMs. */
export interface Users {
  readonly first: number
  readonly count: number
}

/** Every process of these uids that is not a zombie; by pid. */
export function vmmsOf({ first, count }: Users): readonly Vmm[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids
    .flatMap((name) => {
      try {
        const user = statSync(`/proc/${name}`).uid
        if (user < first || user >= first + count) return []
        const argv = readFileSync(`/proc/${name}/cmdline`, 'utf8')
        return argv === '' ? [] : [{ pid: Number(name), user, name: /guest=([^,\0]+)/.exec(argv)?.[1] ?? '' }]
      } catch {
        return []
      }
    })
    .sort((a, b) => a.pid - b.pid)
}
