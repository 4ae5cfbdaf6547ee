/** As whom a program runs that has no rights of its own. */
export interface Unprivileged {
  readonly uid: number
  readonly gid: number
  /** Supplementary groups. */
  readonly groups: readonly number[]
}

/** setpriv(1) with what leaves nothing by which rights could be raised again; without the program's name. */
export function unprivileged({ uid, gid, groups }: Unprivileged): readonly string[] {
  const beside = groups.length > 0 ? `--groups=${groups.join(',')}` : '--clear-groups'
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, beside]
  return [...identity, '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', '--ambient-caps=-all']
}
