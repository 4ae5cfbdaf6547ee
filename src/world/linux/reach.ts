import { get } from 'node:http'
import { connect } from 'node:net'

/** As `Stream.reachTcp`. */
export function reachTcp(host: string, port: number, timeout: number, signal: AbortSignal): Promise<boolean> {
  return bounded(timeout, signal, false, (done) => {
    const socket = connect({ host, port })
    socket.once('connect', () => done(true))
    socket.on('error', () => done(false))
    return () => socket.destroy()
  })
}

/** As `Stream.getStatus`. The body is not read and a redirect is an answer like any other. */
export function getStatus(
  host: string,
  port: number,
  path: string,
  timeout: number,
  signal: AbortSignal,
): Promise<number | null> {
  return bounded<number | null>(timeout, signal, null, (done) => {
    const sent = get({ host, port, path, agent: false, headers: { connection: 'close' } })
    sent.once('response', (message) => done(message.statusCode ?? null))
    sent.on('error', () => done(null))
    return () => sent.destroy()
  })
}

/** Resolves with what `begin` says, or with `late` after `timeout` milliseconds; what was begun is ended in any case. */
function bounded<T>(
  timeout: number,
  signal: AbortSignal,
  late: T,
  begin: (done: (value: T) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const end = begin((value) => settle(() => resolve(value)))
    const timer = setTimeout(() => settle(() => resolve(late)), timeout)
    const onAbort = () => settle(() => reject(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    function settle(outcome: () => void): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      end()
      outcome()
    }
  })
}
