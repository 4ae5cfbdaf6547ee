import type { MicroVM } from '../api/microvm.ts'
import type { Secret as SecretObject } from '../api/secret.ts'
import { FileError, type Files } from '../world/files.ts'
import { Secret } from './secret.ts'

/** What a credential may hold: systemd reads up to 1 MiB of each (systemd.exec(5)). */
const longestValue = 1 << 20

export interface Credential {
  readonly name: string
  readonly value: Secret
}

/** The credentials of a VM with their values, and the keys of what they come from. */
export interface Credentials {
  readonly items: readonly Credential[]
  readonly sources: readonly string[]
}

/** Where values are looked for. */
export interface SecretSources {
  /** A Secret by `namespace/name`. */
  readonly secrets: ReadonlyMap<string, SecretObject>
  readonly files: Files
  /** Folders (absolute) below which a file may be named. */
  readonly folders: readonly string[]
  /** What `--root` puts before a path. */
  readonly root: string
}

/** Why a value cannot be had, in a sentence without any part of a value. */
export class CredentialError extends Error {}

/**
 * Every credential of a VM, in the order the guest is given them: those of the spec, then what `guest` comes to in
 * systemd's own names (systemd.system-credentials(7)). Throws a {@link CredentialError} for the first that is missing.
 */
export async function readCredentials(vm: MicroVM, from: SecretSources): Promise<Credentials> {
  const { credentials, guest } = vm.spec
  const namespace = vm.metadata.namespace
  const items: Credential[] = []
  const sources = new Set<string>()
  for (const { name, source } of credentials?.items ?? []) {
    const fullName = `${credentials?.prefix ?? ''}${name}`
    if (source.value !== undefined) {
      items.push({ name: fullName, value: new Secret(Buffer.from(source.value)) })
    } else if (source.secretKeyRef) {
      sources.add(`Secret/${namespace}/${source.secretKeyRef.name}`)
      items.push({ name: fullName, value: fromSecret(from, namespace, source.secretKeyRef) })
    } else if (source.file) {
      sources.add(`File//${source.file.path}`)
      items.push({ name: fullName, value: await fromFile(from, source.file.path) })
    }
  }
  if (guest?.authorizedKeys?.length) {
    items.push({
      name: 'ssh.authorized_keys.root',
      value: new Secret(Buffer.from(`${guest.authorizedKeys.join('\n')}\n`)),
    })
  }
  if (guest?.rootPasswordHashFrom) {
    const { secretKeyRef } = guest.rootPasswordHashFrom
    sources.add(`Secret/${namespace}/${secretKeyRef.name}`)
    items.push({ name: 'passwd.hashed-password.root', value: fromSecret(from, namespace, secretKeyRef) })
  }
  return { items, sources: [...sources].sort() }
}

function fromSecret({ secrets }: SecretSources, namespace: string, ref: { name: string; key: string }): Secret {
  const object = secrets.get(`${namespace}/${ref.name}`)
  if (!object) throw new CredentialError(`Secret ${namespace}/${ref.name} is not there`)
  const plain = ownText(object.stringData, ref.key)
  if (plain !== undefined) return new Secret(Buffer.from(plain))
  const encoded = ownText(object.data, ref.key)
  if (encoded !== undefined) return new Secret(Buffer.from(encoded, 'base64'))
  throw new CredentialError(`Secret ${namespace}/${ref.name} has no key ${ref.key}`)
}

/** A key may be called `constructor`, which every object answers to. */
function ownText(map: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined
}

async function fromFile({ files, folders, root }: SecretSources, path: string): Promise<Secret> {
  const folder = folders.find((one) => path.startsWith(`${one}/`))
  if (folder === undefined) {
    throw new CredentialError(
      `${path} is not below a folder that hostPaths.secrets of config.yaml allows (${folders.join(', ')})`,
    )
  }
  try {
    return new Secret(await files.readBeneath(`${root}${folder}`, path.slice(folder.length + 1), longestValue))
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    throw new CredentialError(`${path} cannot be read: ${error.code}`)
  }
}
