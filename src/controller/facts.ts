import type { MicroVMImage } from '../api/image.ts'
import type { MicroVM } from '../api/microvm.ts'
import { canonical } from '../digest.ts'
import type { CredentialFacts, FileFact, ImageFacts, Wanted } from '../resolve/input.ts'
import { ofKind } from '../resolve/input.ts'
import { type Credential, CredentialError, readCredentials, type SecretSources } from '../secret/credentials.ts'
import { type DigestKey, revisionOf } from '../secret/revision.ts'
import { FileError, type Files } from '../world/files.ts'
import type { Config } from './config.ts'

/** What the resolver has to know of the host's files: contents of images, revisions of credentials. */
export interface Facts {
  readonly images: ReadonlyMap<string, ImageFacts>
  readonly credentials: ReadonlyMap<string, CredentialFacts>
}

export interface FactReader {
  read(objects: readonly Wanted[], signal: AbortSignal): Promise<Facts>
  /** The values for one VM, read anew right when it starts. Throws a {@link CredentialError}. */
  credentials(uid: string, objects: readonly Wanted[]): Promise<readonly Credential[]>
  /** Files that credentials come from, for whoever watches them. */
  readonly watched: ReadonlySet<string>
}

/** Reads facts; a file that did not change (device, inode, size, time) is not read again. */
export function newFactReader(files: Files, config: Config, root: string, key: DigestKey): FactReader {
  const hashes = new Map<string, { readonly stamp: string; readonly sha256: string }>()
  const watched = new Set<string>()
  const remembered = new Map<string, Remembered>()
  const images = new Map<string, ImageFacts>()

  const sourcesOf = (objects: readonly Wanted[]): SecretSources => ({
    secrets: new Map(
      ofKind(objects, 'Secret')
        .filter((secret) => !secret.deletion)
        .map((secret) => [`${secret.ref.namespace}/${secret.ref.name}`, secret.object]),
    ),
    files,
    folders: config.hostPaths.secrets,
    root,
  })

  const fileFact = async (
    wish: { path: string; sha256?: string | undefined },
    signal: AbortSignal,
  ): Promise<FileFact> => {
    const folder = config.hostPaths.images.find((one) => wish.path.startsWith(`${one}/`))
    if (folder === undefined) {
      return {
        problem: `${wish.path} is not below a folder that hostPaths.images of config.yaml allows (${config.hostPaths.images.join(', ')})`,
      }
    }
    const [base, relative] = [`${root}${folder}`, wish.path.slice(folder.length + 1)]
    try {
      const stat = await files.statBeneath(base, relative)
      if (!stat) return { problem: `${wish.path} is not there` }
      if (stat.type !== 'file') return { problem: `${wish.path} is not a regular file` }
      const stamp = `${stat.identity}/${stat.size}/${stat.modifiedAt}`
      const known = hashes.get(wish.path)
      const sha256 = known?.stamp === stamp ? known.sha256 : await files.hashBeneath(base, relative, signal)
      hashes.set(wish.path, { stamp, sha256 })
      if (wish.sha256 !== undefined && wish.sha256.toLowerCase() !== sha256) {
        return { problem: `${wish.path} has the SHA-256 ${sha256} and the spec says ${wish.sha256}` }
      }
      return { path: `${root}${wish.path}`, sha256 }
    } catch (error) {
      if (error instanceof FileError) return { problem: `${wish.path} cannot be read: ${error.code}` }
      throw error
    }
  }

  const imageFacts = async ({ object }: Wanted<MicroVMImage>, signal: AbortSignal): Promise<ImageFacts> => {
    const source = object.spec.source.hostPath!
    return {
      kernel: await fileFact(source.kernel, signal),
      initrd: source.initrd ? await fileFact(source.initrd, signal) : null,
      root: source.root ? await fileFact(source.root, signal) : null,
    }
  }

  return {
    watched,
    async read(objects, signal) {
      const found = new Map<string, ImageFacts>()
      for (const image of ofKind(objects, 'MicroVMImage')) {
        const facts = await imageFacts(image, signal)
        const before = images.get(image.ref.name)
        // The very same value while nothing changed: whoever compares need not look inside.
        found.set(image.ref.name, before && canonical(before) === canonical(facts) ? before : facts)
      }
      images.clear()
      for (const [name, facts] of found) images.set(name, facts)
      const credentials = new Map<string, CredentialFacts>()
      const sources = sourcesOf(objects)
      watched.clear()
      for (const vm of ofKind(objects, 'MicroVM')) {
        if (vm.deletion) continue
        for (const item of vm.object.spec.credentials?.items ?? [])
          if (item.source.file) watched.add(`${root}${item.source.file.path}`)
        credentials.set(vm.uid, await remember(remembered, vm, sources, key))
      }
      for (const uid of remembered.keys()) if (!credentials.has(uid)) remembered.delete(uid)
      return { images: found, credentials }
    },
    async credentials(uid, objects) {
      const vm = ofKind(objects, 'MicroVM').find((one) => one.uid === uid)
      if (!vm) throw new CredentialError('its object is gone')
      return (await readCredentials(vm.object, sourcesOf(objects))).items
    },
  }
}

/** Facts of one VM with what they came of. */
interface Remembered {
  readonly object: MicroVM
  /** The Secret objects that its spec names, in order; a file has no such identity and is read each time. */
  readonly secrets: readonly unknown[]
  readonly facts: CredentialFacts
}

async function remember(
  remembered: Map<string, Remembered>,
  { object, uid }: Wanted<MicroVM>,
  sources: SecretSources,
  key: DigestKey,
): Promise<CredentialFacts> {
  const items = object.spec.credentials?.items ?? []
  const names = items.flatMap(({ source }) => source.secretKeyRef?.name ?? [])
  const last = object.spec.guest?.rootPasswordHashFrom?.secretKeyRef.name
  const secrets = [...names, ...(last ? [last] : [])].map((name) =>
    sources.secrets.get(`${object.metadata.namespace}/${name}`),
  )
  const before = remembered.get(uid)
  const unchanged = before?.object === object && before.secrets.every((secret, index) => secret === secrets[index])
  if (unchanged && !items.some(({ source }) => source.file)) return before.facts
  const read = await credentialFacts(object, sources, key)
  const facts = before && canonical(before.facts) === canonical(read) ? before.facts : read
  remembered.set(uid, { object, secrets, facts })
  return facts
}

async function credentialFacts(
  vm: Parameters<typeof readCredentials>[0],
  sources: SecretSources,
  key: DigestKey,
): Promise<CredentialFacts> {
  try {
    const { items, sources: secrets } = await readCredentials(vm, sources)
    const lengths = items.map(({ name, value }) => ({ name, length: value.length }))
    return { items: lengths, revision: items.length > 0 ? revisionOf(items, key) : null, secrets, problem: null }
  } catch (error) {
    if (!(error instanceof CredentialError)) throw error
    return { items: namesOf(vm), revision: null, secrets: [], problem: error.message }
  }
}

/** The names alone, so that a value that cannot be read now is no change of the spec. */
function namesOf({ spec }: Parameters<typeof readCredentials>[0]): { name: string; length: number }[] {
  const names = (spec.credentials?.items ?? []).map(({ name }) => `${spec.credentials?.prefix ?? ''}${name}`)
  if (spec.guest?.authorizedKeys?.length) names.push('ssh.authorized_keys.root')
  if (spec.guest?.rootPasswordHashFrom) names.push('passwd.hashed-password.root')
  return names.map((name) => ({ name, length: 0 }))
}
