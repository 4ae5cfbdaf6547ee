import { request } from 'node:http'

/** An object as the controller shows it. */
export interface Shown {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid: string; generation: number }
  readonly spec?: any
  readonly status?: any
}

/** What is asked of the control socket; answers its JSON, or throws its sentence. */
export function ask(socketPath: string, method: string, path: string, body?: unknown): Promise<any> {
  return new Promise((done, fail) => {
    const sent = request({ socketPath, method, path, timeout: 30_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (piece: string) => {
        text += piece
      })
      response.on('error', fail)
      response.on('end', () => {
        if (response.statusCode === 200) done(JSON.parse(text))
        else fail(new Error(text.trim() || `status ${response.statusCode}`))
      })
    })
    sent.on('timeout', () => sent.destroy(new Error('the controller does not answer')))
    sent.on('error', fail)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** Every status that the VMs had, in order, from now on. */
export interface History {
  readonly lines: readonly { readonly at: number; readonly type: string; readonly object: Shown }[]
  stop(): void
}

/** Follows the VMs until it is stopped or the controller ends. */
export function follow(socketPath: string): History {
  const lines: { at: number; type: string; object: Shown }[] = []
  const sent = request({ socketPath, method: 'GET', path: '/v1/watch?kind=MicroVM' }, (response) => {
    let rest = ''
    response.setEncoding('utf8')
    response.on('error', () => {})
    response.on('data', (piece: string) => {
      const parts = (rest + piece).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const event = JSON.parse(part)
        if (event.object) lines.push({ at: performance.now(), ...event })
      }
    })
  })
  sent.on('error', () => {})
  sent.end()
  return { lines, stop: () => sent.destroy() }
}

export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
}

/** The condition of that type; undefined when the object has none. */
export function conditionOf(object: Shown | undefined, type: string): Condition | undefined {
  return object?.status?.conditions?.find((one: Condition) => one.type === type)
}

/** `True`, `False`, `Unknown` or undefined. */
export function is(object: Shown | undefined, type: string): string | undefined {
  return conditionOf(object, type)?.status
}
