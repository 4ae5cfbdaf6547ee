import { paths, type SimHost } from './host.ts'
import type { Dice } from './random.ts'
import { reboot } from './reboot.ts'
import { canary, credentialFile, manifestsOf, secretValue, type Wanted } from './wanted.ts'

/** Milliseconds after which whoever broke something by mistake notices. */
const notice = 7000

/** What the operator of a simulated host keeps: manifests, images, credential files. What is broken there he mends. */
export class Site {
  wanted: Wanted
  readonly #host: SimHost
  readonly #written = new Map<string, string>()
  #away = false

  constructor(host: SimHost, wanted: Wanted) {
    this.#host = host
    this.wanted = wanted
    this.#writeHost()
    this.#sync()
  }

  /** Whether the manifests are there and say what is wanted. */
  get isWhole(): boolean {
    const files = manifestsOf(this.wanted)
    return !this.#away && [...files].every(([name, text]) => this.#written.get(name) === text)
  }

  /** Makes the host's files say what is wanted now. */
  want(wanted: Wanted): void {
    const before = this.wanted
    this.wanted = wanted
    if (before.kernel !== wanted.kernel || before.file !== wanted.file) this.#writeHost()
    if (!this.#away) this.#sync()
  }

  /** What was broken by mistake is as it should be. */
  mend(): void {
    this.#back()
    this.#writeHost()
    this.#written.clear()
    for (const { path, type } of this.#host.files.everything(paths.manifests)) {
      if (type === 'file') this.#host.files.unlink(path)
    }
    this.#sync()
  }

  /** Confirms by name, as he is told to, that what is in no manifest is gone. False when nobody asks him to. */
  confirm(): boolean {
    const { controller } = this.#host
    if (!controller?.last?.source.hold) return false
    const { vms, networks } = this.wanted
    const keys = controller.last.source.objects.filter(({ ref, deletion }) => {
      if (deletion !== null) return false
      return ref.kind === 'MicroVM' ? !(ref.name in vms) : ref.kind === 'MicroVMNetwork' && !(ref.name in networks)
    })
    this.#host.note(`operator confirms ${keys.map(({ key }) => key).join(' ')}`)
    const never = new AbortController().signal
    void controller
      .delete(
        keys.map(({ key }) => key),
        never,
      )
      .catch(() => {})
    return true
  }

  /** `/run` is empty after it; `hard`: whatever was not synced is lost, too. Somebody starts the controller again. */
  reboot(hard: boolean): void {
    reboot(this.#host, hard)
    this.#writeHost()
  }

  halfWrite(dice: Dice): boolean {
    const [name, text] = this.#some(dice)
    if (name === undefined || text === undefined) return false
    this.#put(name, text.slice(0, dice.below(text.length)))
    this.#host.clock.after(dice.between(1, 3000), () => this.#restore(name))
    return true
  }

  breakManifest(dice: Dice): boolean {
    const [name, text] = this.#some(dice)
    if (name === undefined || text === undefined) return false
    const bad = dice.pick([
      (good: string) => good.replace('memory:', 'memroy:'),
      (good: string) => `${good}\nfoo: [`,
      (good: string) => good.replace(/memory: \S+/, 'memory: -3'),
      (good: string) => good.replaceAll('metadata:', 'metadata: &a *a'),
    ])
    this.#put(name, bad(text))
    this.#host.clock.after(notice, () => this.#restore(name))
    return true
  }

  /** The directory is there and empty, as when its disk is not mounted; and after a while it is back. */
  unmount(): boolean {
    if (this.#away) return false
    this.#away = true
    const back = this.#host.files.mount(paths.manifests, 77)
    this.#host.watch.touched(paths.manifests)
    this.#host.clock.after(notice, () => {
      if (!this.#away) return
      back()
      this.#back()
    })
    this.#uncover = back
    return true
  }

  /** Another directory under the same name with the same files, as a checkout that is swapped. */
  replaceManifests(): boolean {
    if (this.#away) return false
    const { files } = this.#host
    files.unlink(paths.manifests)
    files.folder(paths.manifests)
    for (const [name, text] of this.#written) files.write(`${paths.manifests}/${name}`, text)
    this.#host.watch.touched(paths.manifests)
    return true
  }

  hideKernel(): boolean {
    return this.#hide(`${paths.images}/small/vmlinuz`)
  }

  hideCredential(): boolean {
    return this.#hide(credentialFile)
  }

  #uncover: (() => void) | null = null

  #back(): void {
    if (!this.#away) return
    this.#away = false
    this.#uncover?.()
    this.#uncover = null
    this.#sync()
    this.#host.watch.touched(paths.manifests)
  }

  #hide(path: string): boolean {
    if (!this.#host.has(path)) return false
    this.#host.files.unlink(path)
    this.#host.watch.touched(path)
    this.#host.clock.after(notice, () => this.#writeHost())
    return true
  }

  #some(dice: Dice): readonly [string?, string?] {
    const files = [...this.#written]
    return this.#away || files.length === 0 ? [] : dice.pick(files)
  }

  #restore(name: string): void {
    const text = manifestsOf(this.wanted).get(name)
    if (this.#away || text === undefined) return
    this.#put(name, text)
  }

  /** Images and credential files. */
  #writeHost(): void {
    const { files, watch } = this.#host
    const put = (path: string, text: string, mode = 0o644) => {
      if (files.text(path) === text) return
      if (files.text(path) !== null) files.unlink(path)
      files.write(path, text, mode)
      watch.touched(path)
    }
    put(`${paths.images}/small/vmlinuz`, `kernel ${this.wanted.kernel}`)
    put(`${paths.images}/small/initrd`, 'initrd')
    put(credentialFile, secretValue('file', this.wanted.file), 0o600)
  }

  #sync(): void {
    const files = manifestsOf(this.wanted)
    for (const [name, text] of files) if (this.#written.get(name) !== text) this.#put(name, text)
    for (const name of [...this.#written.keys()]) {
      if (files.has(name)) continue
      this.#written.delete(name)
      this.#host.files.unlink(`${paths.manifests}/${name}`)
      this.#host.watch.touched(`${paths.manifests}/${name}`)
      this.#host.note(`operator removes ${name}`)
    }
  }

  #put(name: string, text: string): void {
    this.#written.set(name, text)
    this.#host.files.write(`${paths.manifests}/${name}`, text)
    this.#host.watch.touched(`${paths.manifests}/${name}`)
    this.#host.note(`operator writes ${name} (${text.replaceAll(canary, '…').length} characters)`)
  }
}
