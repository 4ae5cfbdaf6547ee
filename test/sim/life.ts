import type { Files } from '../../src/world/files.ts'
import type { Net } from '../../src/world/net.ts'
import type { Process } from '../../src/world/process.ts'
import type { Connection, Listener, Stream } from '../../src/world/stream.ts'
import type { Stop, Watch } from '../../src/world/watch.ts'
import type { World } from '../../src/world/world.ts'
import { type LifeOptions, Mortal } from './mortal.ts'

const changing = [
  ...(['makeDirectory', 'create', 'createSparse', 'sync', 'rename', 'truncate', 'chown', 'chmod'] as const),
  ...(['symlink', 'remove', 'removeDirectory'] as const),
]
const reading = [
  ...(['read', 'readBeneath', 'readFollowing', 'stat', 'statFollowing', 'statBeneath', 'hashBeneath'] as const),
  ...(['list', 'listFollowing', 'readLink', 'free'] as const),
]

/** The world as one controller sees it from its start to its death; its sockets and locks end with it. */
export class Life extends Mortal {
  readonly world: World
  readonly #inner: World

  constructor(inner: World, options: LifeOptions) {
    super(inner.clock, options)
    this.#inner = inner
    this.world = {
      files: this.#files(),
      net: this.#net(),
      process: this.#process(),
      stream: this.#stream(),
      watch: this.#watch(),
      clock: this.clock,
      random: inner.random,
    }
  }

  #files(): Files {
    const { files } = this.#inner
    const wrapped: Record<string, unknown> = {}
    for (const name of reading) {
      const method = (files[name] as (...args: unknown[]) => Promise<unknown>).bind(files)
      wrapped[name] = (...args: unknown[]) => this.read(() => method(...args))
    }
    for (const name of changing) {
      const method = (files[name] as (...args: unknown[]) => Promise<unknown>).bind(files)
      const half = name === 'create' ? (args: unknown[]) => method(args[0], halfOf(args[1]), args[2]) : undefined
      wrapped[name] = (...args: unknown[]) =>
        this.change(`files.${name}`, aboutOf(name, args), {
          whole: () => method(...args),
          half: half && (() => half(args)),
        })
    }
    wrapped.lock = (path: string) =>
      this.read(async () => {
        const lock = await files.lock(path)
        if (lock) this.atDeath(() => void lock.release())
        return lock
      })
    return wrapped as unknown as Files
  }

  #net(): Net {
    const { net } = this.#inner
    return {
      dump: (signal) => this.read(() => net.dump(signal)),
      commit: (operations, signal) =>
        this.change('net.commit', operations.map(({ op }) => op).join(' '), {
          whole: () => net.commit(operations, signal),
          half: () => net.commit(operations.slice(0, operations.length >> 1), signal),
        }),
    }
  }

  #process(): Process {
    const { process } = this.#inner
    return {
      bootId: () => process.bootId(),
      spawn: (spec, signal) =>
        this.change('process.spawn', spec.directory, { whole: () => process.spawn(spec, signal) }),
      run: (spec, signal) => this.change('process.run', spec.argv[0] ?? '', { whole: () => process.run(spec, signal) }),
      list: (uids) => this.read(() => process.list(uids)),
      signal: (identity, name) =>
        this.change('process.signal', `${name} ${identity.pid}`, { whole: () => process.signal(identity, name) }),
    }
  }

  #stream(): Stream {
    const { stream } = this.#inner
    return {
      connect: (path, signal) => this.read(async () => this.#connection(path, await stream.connect(path, signal))),
      listen: (path, owner) =>
        this.change('stream.listen', path, { whole: async () => this.#listener(await stream.listen(path, owner)) }),
      reachTcp: (host, port, timeout, signal) => this.read(() => stream.reachTcp(host, port, timeout, signal)),
      getStatus: (host, port, path, timeout, signal) =>
        this.read(() => stream.getStatus(host, port, path, timeout, signal)),
      serve: (address, handler) => this.read(() => stream.serve(address, handler)),
      request: (address, method, path, body, signal) =>
        this.read(() => stream.request(address, method, path, body, signal)),
    }
  }

  #connection(path: string, inner: Connection): Connection {
    if (this.dead) inner.close()
    const end = () => inner.close()
    const survives = this.atDeath(end)
    return {
      listen: ({ data, end: ended }) =>
        inner.listen({
          data: (bytes) => {
            if (!this.dead) data(bytes)
          },
          end: (error) => {
            survives()
            if (!this.dead) ended(error)
          },
        }),
      write: (bytes) => {
        if (this.dead) return
        const fate = this.fateOf('stream.write', `${path} ${new TextDecoder().decode(bytes).trim()}`)
        if (fate === 'before') return this.kill()
        inner.write(fate === 'during' ? bytes.subarray(0, bytes.length >> 1) : bytes)
        if (fate !== 'lives') this.kill()
      },
      close: () => {
        if (!this.dead) inner.close()
      },
    }
  }

  #listener(inner: Listener): Listener {
    // A child that inherits it is told by the very object.
    if (this.dead) inner.release()
    this.atDeath(() => inner.release())
    return inner
  }

  #watch(): Watch {
    const { watch } = this.#inner
    const alive = (wake: () => void) => () => {
      if (!this.dead) wake()
    }
    const kept = async (stop: Promise<Stop>) => {
      const end = await stop
      this.atDeath(end)
      return end
    }
    return {
      directory: (path, wake) => this.read(() => kept(watch.directory(path, alive(wake)))),
      file: (path, wake) => this.read(() => kept(watch.file(path, alive(wake)))),
      links: (wake) => this.read(() => kept(watch.links(alive(wake)))),
      rules: (wake) => this.read(() => kept(watch.rules(alive(wake)))),
    }
  }
}

/** What a change of files is about; a link is where it is made. */
function aboutOf(name: string, args: readonly unknown[]): string {
  if (name === 'rename') return `${args[0]} -> ${args[1]}`
  return String(name === 'symlink' ? args[1] : args[0])
}

function halfOf(bytes: unknown): Uint8Array {
  return bytes instanceof Uint8Array ? bytes.subarray(0, bytes.length >> 1) : new Uint8Array()
}
