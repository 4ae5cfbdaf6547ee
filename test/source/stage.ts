import type { AnyObject } from '../../src/api/kinds.ts'
import { parseManifest } from '../../src/api/manifest.ts'
import { DirectorySource } from '../../src/source/directory.ts'
import type { ScanLimits } from '../../src/source/limits.ts'
import type { Accepted, SourceView } from '../../src/source/source.ts'
import type { Clock, Random } from '../../src/world/clock.ts'
import { MemoryFiles } from '../world/memory-files.ts'

export const MANIFESTS = '/etc/moorage/manifests'
export const STATE = '/var/lib/moorage'

/** A directory of manifests, a state directory and a source over both, with a clock that is set by hand. */
export class Stage {
  now = 1_700_000_000_000
  readonly files = new MemoryFiles(() => this.now)
  readonly recovered = new Map<string, string>()
  readonly running = new Map<string, string>()
  source: DirectorySource
  readonly #limits: ScanLimits | undefined
  #random = 0

  constructor(limits?: ScanLimits) {
    this.#limits = limits
    this.files.folder(MANIFESTS)
    this.files.folder(STATE)
    this.source = this.open()
  }

  /** A controller that starts on what is there. */
  open(): DirectorySource {
    return new DirectorySource({
      files: this.files,
      clock: this.clock,
      random: this.random,
      manifests: MANIFESTS,
      state: STATE,
      recoverUid: (key, lost) => (lost ? this.recovered.get(key) : this.running.get(key)) ?? null,
      ...(this.#limits && { limits: this.#limits }),
    })
  }

  restart(): void {
    this.files.kill()
    this.source = this.open()
  }

  readonly clock: Clock = {
    now: () => this.now,
    monotonic: () => this.now,
    sleep: async () => {},
    after: () => () => {},
  }

  readonly random: Random = {
    bytes: (count) => {
      const bytes = new Uint8Array(count)
      this.#random += 1
      new DataView(bytes.buffer).setUint32(0, this.#random)
      return bytes
    },
  }

  list(): Promise<SourceView> {
    return this.source.list(never)
  }

  /** Lists now, and again after each of those times. */
  async listAfter(...times: number[]): Promise<SourceView> {
    let view = await this.list()
    for (const time of times) {
      this.now += time
      view = await this.list()
    }
    return view
  }

  /** Puts files below the manifests, in place. */
  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) this.files.write(`${MANIFESTS}/${path}`, text)
  }

  remove(...paths: string[]): void {
    for (const path of paths) this.files.unlink(`${MANIFESTS}/${path}`)
  }
}

export const never = new AbortController().signal

/** A MicroVM as YAML. */
export function vm(name: string, vcpu: number | string = 1): string {
  const head = `apiVersion: moorage.dev/v1alpha1\nkind: MicroVM\nmetadata: { name: ${name} }\n`
  return `${head}spec: { vcpu: ${vcpu}, memory: 128Mi, image: { name: debian } }\n`
}

/** A MicroVMNetwork as YAML. */
export function network(name: string, subnet = '10.1.0.0/24'): string {
  const head = `apiVersion: moorage.dev/v1alpha1\nkind: MicroVMNetwork\nmetadata: { name: ${name} }\n`
  return `${head}spec: { subnet: ${subnet}, nat: true }\n`
}

/** A Secret as YAML. */
export function secret(name: string, value: string): string {
  return `apiVersion: v1\nkind: Secret\nmetadata: { name: ${name} }\nstringData: { key: ${value} }\n`
}

/** Several documents as one manifest. */
export function all(...documents: string[]): string {
  return documents.join('---\n')
}

/** `slot1@2`: name and generation; `!` something newer is not accepted; `†` it has a tombstone. */
export function short({ ref, generation, newer, deletion }: Accepted): string {
  return `${ref.name}@${generation}${newer.length > 0 ? '!' : ''}${deletion === null ? '' : '†'}`
}

/** A view in a few words: objects, and problems as `file:line message` with the file relative to the manifests. */
export function summary({ objects, problems, hold }: SourceView) {
  return {
    objects: objects.map(short),
    problems: problems.map(({ file, line, message }) => `${file.replace(`${MANIFESTS}/`, '')}:${line} ${message}`),
    hold,
  }
}

/** Uids by key. */
export function uids({ objects }: SourceView): Map<string, string> {
  return new Map(objects.map(({ key, uid }) => [key, uid]))
}

/** A manifest of one document as the object that it is. */
export function objectOf(text: string): AnyObject {
  const [document] = parseManifest(text)
  if (document?.object === undefined) throw new Error(JSON.stringify(document?.problems))
  return document.object
}
