import type { Files } from '../../world/files.ts'
import type { World } from '../../world/world.ts'
import { replaceFile } from '../folder.ts'
import { type Kept, type MachineDeps, type Readiness, sayMachine } from './context.ts'
import type { Runtime } from './runtime.ts'

/** Asks guests whether they are ready, each at its own pace, and remembers what they said last. */
export interface Prober {
  /**
   * What the last probes came to; true at once for a running VM without a probe. Begins to probe it, anew when its
   * probe or its incarnation changed, and ends when it does not run. `address` is its first interface's. One that was
   * ready for the controller before is so until a probe says otherwise.
   */
  isReady(kept: Kept, readiness: Readiness | null, runs: boolean, address: string | null): boolean
  forget(id: string): void
  close(): void
}

/** Seconds between two probes, and failures in a row that a ready VM is granted, when its spec says nothing. */
const defaults = { period: 10, failures: 3 }

/** Milliseconds between two probes of a VM that is not ready yet, and for one probe. */
const eager = 1000
const timeout = 2000

interface Probed {
  readonly what: string
  ready: boolean
  readonly stop: AbortController
}

export function newProber({ world, log }: Pick<MachineDeps, 'world' | 'log'>, wake: () => void): Prober {
  const probed = new Map<string, Probed>()

  const forget = (id: string): void => {
    probed.get(id)?.stop.abort(new Error('nobody asks for this probe any more'))
    probed.delete(id)
  }
  const begin = (kept: Kept, what: string, readiness: Readiness, address: string | null): Probed => {
    const machine = sayMachine(kept.id, kept.file)
    const one: Probed = { what, ready: kept.readyAs === what, stop: new AbortController() }
    const { signal } = one.stop
    const turn = async (ready: boolean) => {
      one.ready = ready
      kept.readyAs = ready ? what : null
      log.info({ machine, ready }, 'readiness')
      wake()
      await writeReady(world.files, kept)
    }
    const warn = (error: Error) => {
      if (!signal.aborted) log.warn({ machine, problem: error.message }, 'a readiness probe')
    }
    const asked = { readiness, address, what }
    watch(world, kept, asked, signal, turn, warn).catch(warn)
    probed.set(kept.id, one)
    return one
  }
  return {
    forget,
    isReady(kept, readiness, runs, address) {
      if (!runs || !readiness) {
        forget(kept.id)
        return runs
      }
      const what = JSON.stringify([readiness, address, kept.file?.started.incarnation])
      const now = probed.get(kept.id)
      if (now?.what === what) return now.ready
      forget(kept.id)
      return begin(kept, what, readiness, address).ready
    },
    close() {
      for (const id of [...probed.keys()]) forget(id)
    },
  }
}

/** What a guest is asked, and that as one word. */
interface Asked {
  readonly readiness: Readiness
  readonly address: string | null
  readonly what: string
}

/** Probes until the signal says no more; calls `turn` whenever the answer is another than before. */
async function watch(
  world: World,
  kept: Kept,
  asked: Asked,
  signal: AbortSignal,
  turn: (ready: boolean) => Promise<void>,
  warn: (error: Error) => void,
): Promise<void> {
  const { readiness, what } = asked
  const period = (readiness.periodSeconds ?? defaults.period) * 1000
  const granted = readiness.failureThreshold ?? defaults.failures
  for (let failures = 0; ; ) {
    const ready = kept.readyAs === what
    // A console that cannot be read now may be readable the next time.
    const passes = await probe(world, kept, asked, signal).catch((error: Error) => {
      warn(error)
      return false
    })
    signal.throwIfAborted()
    failures = passes ? 0 : failures + 1
    if (passes !== ready && (passes || failures >= granted)) await turn(passes).catch(warn)
    await world.clock.sleep(kept.readyAs === what ? period : Math.min(period, eager), signal)
  }
}

/** One look. */
async function probe({ stream, files }: World, kept: Kept, asked: Asked, signal: AbortSignal): Promise<boolean> {
  const { tcpSocket, httpGet, console: says } = asked.readiness
  const host = tcpSocket?.host ?? httpGet?.host ?? asked.address
  if (tcpSocket && host) return await stream.reachTcp(host, tcpSocket.port, timeout, signal)
  if (httpGet && host) {
    const status = await stream.getStatus(host, httpGet.port, httpGet.path ?? '/', timeout, signal)
    return status !== null && status >= 200 && status < 400
  }
  // What was said stays said, though the log is cut.
  return says ? kept.readyAs === asked.what || (await hasSaid(files, kept.runtime, says.contains)) : false
}

/** Bytes of a console log that are searched; it is cut long before. */
const longest = 64 << 20

async function hasSaid(files: Files, runtime: Runtime, text: string): Promise<boolean> {
  const logs = await Promise.all([textAt(files, runtime.consoleBefore), textAt(files, runtime.console)])
  return logs.some((log) => log.includes(text))
}

/** What a guest was asked when it turned ready; null when it is not. */
export async function readReady(files: Files, runtime: Runtime): Promise<string | null> {
  return (await textAt(files, runtime.ready)) || null
}

/** For the next controller. */
async function writeReady(files: Files, { runtime, readyAs }: Kept): Promise<void> {
  if (readyAs === null) return await files.remove(runtime.ready)
  await replaceFile(files, runtime.ready, readyAs)
}

async function textAt(files: Files, path: string): Promise<string> {
  const stat = await files.stat(path)
  if (stat?.type !== 'file' || stat.size > longest) return ''
  return new TextDecoder().decode(await files.read(path, longest * 2))
}
