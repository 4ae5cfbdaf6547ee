/** Where everything is; see "On the host" in the README. All of it moves below `--root`. */
export interface Paths {
  /** Empty for `/`, else an absolute path without a slash at its end. */
  readonly root: string
  readonly config: string
  readonly manifests: string
  readonly state: string
  readonly index: string
  readonly objects: string
  readonly ledger: string
  readonly volumes: string
  readonly images: string
  readonly secrets: string
  readonly status: string
  readonly run: string
  readonly vms: string
  readonly socket: string
}

/** The paths below a root such as `/` or `/srv/test`. */
export function pathsOf(root: string): Paths {
  const base = root.replace(/\/+$/, '')
  const state = `${base}/var/lib/moorage`
  const run = `${base}/run/moorage`
  return {
    root: base,
    config: `${base}/etc/moorage/config.yaml`,
    manifests: `${base}/etc/moorage/manifests`,
    state,
    index: `${state}/index`,
    objects: `${state}/objects`,
    ledger: `${state}/ledger`,
    volumes: `${state}/volumes`,
    images: `${state}/images`,
    secrets: `${state}/secrets`,
    status: `${state}/status`,
    run,
    vms: `${run}/vms`,
    socket: `${run}/moorage.sock`,
  }
}

/**
 * Longest root that leaves room for the longest socket below it: sun_path holds 107 bytes (unix(7)), and
 * `/run/moorage/vms/0123456789/console.sock` takes 41.
 */
export const longestRoot = 60
