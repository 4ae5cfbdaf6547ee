import { createHash } from 'node:crypto'
import type { Claim } from './claims.ts'
import { type Candidate, fileOf, type Index, type IndexRecord } from './index.ts'
import { elapsed, type Settle } from './settle.ts'
import { type DirectoryIdentity, foldersAbove, isBeneath, type Tree } from './tree.ts'

/*
 * When a directory stands in the place of another (another device, inode or birth, or another way of links to it), what is not in
 * it says nothing: a disk that was not mounted looks just so. It becomes trusted, and what is absent from it counts again,
 *
 * 1. at once, when nothing is at stake: every object that came from the old one is spoken of somewhere, or somebody asked
 *    for the deletion of the rest by name;
 * 2. when it was replaced on purpose, which is either a link on the way that was re-pointed (git-sync, `ln -sfn`), or a
 *    folder inside a trusted directory that was made anew on the same device (git does so when it changes branches);
 *    and then only when the new tree is whole: every manifest in it is good, at least one object of it came from the old
 *    one, and it was seen unchanged for two seconds, since a checkout may still be filling.
 *
 * Everything else (mounted, unmounted, removed and made anew, re-cloned) waits for the manifests to come back or for a
 * confirmation. New and changed objects in it are taken at once all the same: only deletion needs evidence.
 *
 * Device numbers may differ after a reboot though nothing was replaced: then all manifests are there, and case 1 applies.
 */

/** Which directories may be trusted from now on, and why others may not. */
export interface Trust {
  readonly directories: ReadonlyMap<string, DirectoryIdentity>
  readonly candidates: ReadonlyMap<string, Candidate>
  /** By directory: why what is absent from it does not count. */
  readonly reasons: ReadonlyMap<string, string>
  /** Milliseconds since the epoch when a candidate may become trusted; null when there is none. */
  readonly recheckAt: number | null
}

export interface TrustContext {
  readonly tree: Tree
  readonly claims: ReadonlyMap<string, readonly Claim[]>
  readonly asked: ReadonlySet<string>
  readonly now: number
  readonly settle: Settle
}

/** Compares the directories of a tree that was read as a whole with those of the index. */
export function trust(previous: Index, records: Iterable<IndexRecord>, context: TrustContext): Trust {
  const before = new Origins(previous.records.values())
  const directories = new Map<string, DirectoryIdentity>()
  const candidates = new Map<string, Candidate>()
  const reasons = new Map<string, string>()
  const adopted: string[] = []
  for (const path of new Origins(records).folders) {
    const known = previous.directories.get(path)
    const seen = context.tree.directories.get(path)
    if (known !== undefined) directories.set(path, known)
    const covered = adopted.some((above) => comesWith(path, above, previous))
    const verdict = covered && seen?.fault === null ? 'trusted' : judge(path, previous, before, context)
    if (verdict === 'trusted' && seen !== undefined) {
      directories.set(path, { identity: seen.identity, links: seen.links })
      adopted.push(path)
    }
    if (typeof verdict === 'string') continue
    reasons.set(path, verdict.reason)
    if (verdict.candidate !== null) candidates.set(path, verdict.candidate)
  }
  const dues = [...candidates.values()].flatMap(({ steady }) => (steady === null ? [] : [steady.since]))
  const recheckAt = dues.length === 0 ? null : Math.min(...dues) + context.settle.replaced
  return { directories, candidates, reasons, recheckAt }
}

/** Whether a folder was part of the one above and not a mount of its own: then it is replaced with it. */
function comesWith(path: string, above: string, { directories }: Index): boolean {
  const [own, other] = [directories.get(path), directories.get(above)]
  if (!isBeneath(path, above)) return false
  return own === undefined || other === undefined || deviceOf(own) === deviceOf(other)
}

type Judgement = 'same' | 'trusted' | { readonly reason: string; readonly candidate: Candidate | null }

function judge(path: string, previous: Index, before: Origins, context: TrustContext): Judgement {
  const { tree, claims, asked, now, settle } = context
  const known = previous.directories.get(path)
  const seen = tree.directories.get(path)
  // One that is gone from a directory that is there is gone cleanly; nobody stands in its place.
  if (seen === undefined) return 'same'
  if (seen.fault !== null) return { reason: `the directory ${seen.fault}`, candidate: null }
  if (known !== undefined && isSame(known, seen)) return 'same'
  const came = before.beneath(path)
  const stake = came.filter(({ key }) => !claims.has(key) && !asked.has(key)).length
  if (stake === 0) return 'trusted'
  const candidate = previous.candidates.get(path)
  // The clock may have been set back since.
  const first = Math.min(candidate?.first ?? now, now)
  // What was accepted since is no witness: it came from the new one.
  const witnesses = came.filter(({ createdAt }) => createdAt < first)
  const obstacle = obstacleOf(path, known, seen, witnesses, context)
  if (obstacle !== null) return { reason: sentence(stake, obstacle), candidate: { first, steady: null } }
  const stamp = stampOf(path, tree)
  const isSteady = candidate?.steady?.stamp === stamp && candidate.steady.since <= now
  const steady = isSteady ? candidate.steady : { stamp, since: now }
  if (isSteady && elapsed(steady.since, now) >= settle.replaced) return 'trusted'
  return { reason: sentence(stake, 'they go when it was unchanged for a moment'), candidate: { first, steady } }
}

/** Why the new directory cannot become trusted however long it stays as it is; null when it can. */
function obstacleOf(
  path: string,
  known: DirectoryIdentity | undefined,
  seen: DirectoryIdentity,
  came: readonly IndexRecord[],
  context: TrustContext,
): string | null {
  if (known === undefined || !isOnPurpose(path, known, seen)) return PUT_BACK
  if (!isGood(path, context.tree)) return 'mend every manifest in it, so that the deletion counts'
  return came.some(({ key }) => isTaken(key, path, context)) ? null : PUT_BACK
}

function sentence(stake: number, what: string): string {
  return `the directory was replaced; ${stake} of its objects ${stake === 1 ? 'is' : 'are'} not in it and kept: ${what}`
}

const PUT_BACK = 'put their manifests back, or confirm with `moorage delete KIND NAME`'

function isSame(a: DirectoryIdentity, b: DirectoryIdentity): boolean {
  return a.identity === b.identity && haveSameLinks(a, b)
}

function haveSameLinks(a: DirectoryIdentity, b: DirectoryIdentity): boolean {
  return a.links.join('\n') === b.links.join('\n')
}

function isOnPurpose(path: string, known: DirectoryIdentity, seen: DirectoryIdentity): boolean {
  return !haveSameLinks(known, seen) || (path !== '' && deviceOf(known) === deviceOf(seen))
}

function deviceOf({ identity }: DirectoryIdentity): string {
  return identity.slice(0, identity.indexOf(':'))
}

function isGood(path: string, { files, directories }: Tree): boolean {
  const inside = [...files].filter(([file]) => isBeneath(file, path))
  const faults = [...directories].filter(([directory, { fault }]) => fault !== null && isBeneath(directory, path))
  return faults.length === 0 && inside.every(([, { fault, text }]) => fault === null && text === '')
}

/** Whether the new directory itself holds the object. */
function isTaken(key: string, path: string, { claims }: TrustContext): boolean {
  return claims.get(key)?.some(({ file, document }) => document.object !== null && isBeneath(file, path)) ?? false
}

function stampOf(path: string, { files, directories }: Tree): string {
  const hash = createHash('sha256')
  for (const [directory, { identity }] of directories) {
    if (directory === path || isBeneath(directory, path)) hash.update(`${directory} ${identity}\n`)
  }
  for (const [file, { stamp }] of files) if (isBeneath(file, path)) hash.update(`${file} ${stamp}\n`)
  return hash.digest('hex')
}

/** From which files living objects came. */
class Origins {
  readonly #records: readonly IndexRecord[]
  /** Every directory above one of those files, the outer before the inner. */
  readonly folders: readonly string[]

  constructor(records: Iterable<IndexRecord>) {
    this.#records = [...records].filter((record) => record.deletion === null && fileOf(record) !== null)
    const files = new Set(this.#records.map((record) => fileOf(record)!.file))
    this.folders = [...new Set([...files].flatMap(foldersAbove))].sort()
  }

  beneath(path: string): readonly IndexRecord[] {
    return this.#records.filter((record) => isBeneath(fileOf(record)!.file, path))
  }
}
