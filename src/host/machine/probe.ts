import type { World } from '../../world/world.ts'
import { replaceFile } from '../folder.ts'
import { type Kept, type MachineDeps, type Readiness, sayMachine } from './context.ts'

/** Asks guests whether they are ready, each at its own pace, and remembers what they said last. */
export interface Prober {
  /**
   * What the last probes came to; true at once for a running VM without a probe. Begins to probe it, anew when its
   * probe or its incarnation changed, and ends when it does not run. `address` is its first interface's.
   */
  isReady(kept: Kept, uid: string, runs: boolean, address: string | null): boolean
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

export function newProber({ world, readinessOf, log }: MachineDeps, wake: () => void): Prober {
  const probed = new Map<string, Probed>()

  const forget = (id: string): void => {
    probed.get(id)?.stop.abort(new Error('nobody asks for this probe any more'))
    probed.delete(id)
  }
  const begin = (kept: Kept, what: string, readiness: Readiness, address: string | null): Probed => {
    const one: Probed = { what, ready: false, stop: new AbortController() }
    const turned = (ready: boolean) => {
      one.ready = ready
      log.info({ machine: sayMachine(kept.id, kept.file), ready }, 'readiness')
      wake()
    }
    watch(world, kept, readiness, address, one.stop.signal, turned).catch((error: Error) => {
      if (!one.stop.signal.aborted) log.warn({ machine: kept.id, problem: error.message }, 'a readiness probe ended')
    })
    probed.set(kept.id, one)
    return one
  }
  return {
    forget,
    isReady(kept, uid, runs, address) {
      const readiness = readinessOf(uid)
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

/** Probes until the signal says no more; calls `turned` whenever the answer is another than before. */
async function watch(
  world: World,
  kept: Kept,
  readiness: Readiness,
  address: string | null,
  signal: AbortSignal,
  turned: (ready: boolean) => void,
): Promise<void> {
  const period = (readiness.periodSeconds ?? defaults.period) * 1000
  const granted = readiness.failureThreshold ?? defaults.failures
  let ready = false
  for (let failures = 0; ; ) {
    const passes = await probe(world, kept, readiness, address, signal)
    failures = passes ? 0 : failures + 1
    if (passes !== ready && (passes || failures >= granted)) {
      ready = passes
      turned(ready)
    }
    await world.clock.sleep(ready ? period : Math.min(period, eager), signal)
  }
}

/** One look. */
async function probe(
  { stream, files }: World,
  { runtime }: Kept,
  { tcpSocket, httpGet, console: says }: Readiness,
  address: string | null,
  signal: AbortSignal,
): Promise<boolean> {
  const host = tcpSocket?.host ?? httpGet?.host ?? address
  if (tcpSocket && host) return await stream.reachTcp(host, tcpSocket.port, timeout, signal)
  if (httpGet && host) {
    const status = await stream.getStatus(host, httpGet.port, httpGet.path ?? '/', timeout, signal)
    return status !== null && status >= 200 && status < 400
  }
  return says ? await hasSaid(files, runtime, says.contains) : false
}

/** Bytes of a console log that are searched; it is cut long before. */
const longest = 64 << 20

/** What was said stays said: it is written down, since the log is cut and the controller may come anew. */
async function hasSaid(files: World['files'], runtime: Kept['runtime'], text: string): Promise<boolean> {
  if ((await textAt(files, runtime.said)) === text) return true
  const logs = await Promise.all([textAt(files, runtime.consoleBefore), textAt(files, runtime.console)])
  const found = logs.some((log) => log.includes(text))
  if (found) await replaceFile(files, runtime.said, text)
  return found
}

async function textAt(files: World['files'], path: string): Promise<string> {
  const stat = await files.stat(path)
  if (stat?.type !== 'file' || stat.size > longest) return ''
  return new TextDecoder().decode(await files.read(path, longest * 2))
}
