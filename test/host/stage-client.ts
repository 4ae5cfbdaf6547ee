import { request } from 'node:http'

/** A VM, or another object, as the controller shows it; the members that tests look at. */
export interface Shown {
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly uid: string
    readonly generation: number
  }
  readonly status: ShownStatus
}

/** Members of a VM's status; other kinds have some of them, and one that was just made has none. */
export interface ShownStatus {
  readonly phase: string
  readonly observedGeneration: number
  readonly conditions?: readonly Condition[]
  readonly hypervisor?: { readonly pid: number }
  readonly interfaces?: readonly { readonly mac: string; readonly addresses: readonly unknown[] }[]
  readonly credentials?: { readonly revision: string }
  readonly restarts: { readonly count: number; readonly last?: { readonly reason: string } }
}

export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason: string
  readonly message: string
}

/** What is wrong with a manifest, as the controller tells. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

/** What is wrong with all of them, and why nothing absent counts as deleted. */
export interface Problems {
  readonly problems: readonly Problem[]
  readonly hold: string | null
}

const noStatus: ShownStatus = { phase: '', observedGeneration: 0, restarts: { count: 0 } }

/** An object as it came over the wire. */
export function shown(object: Omit<Shown, 'status'> & { readonly status?: Partial<ShownStatus> }): Shown {
  return { ...object, status: { ...noStatus, ...object.status } }
}

/** What is asked of the control socket; answers its JSON, or throws its sentence. */
export function ask(socketPath: string, method: string, path: string): Promise<unknown> {
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
    sent.end()
  })
}

/** Every status that the VMs had, in order, from now on. */
export interface History {
  readonly lines: readonly { readonly type: string; readonly object: Shown }[]
  stop(): void
}

/** Follows the VMs until it is stopped or the controller ends. */
export function follow(socketPath: string): History {
  const lines: { type: string; object: Shown }[] = []
  const sent = request({ socketPath, method: 'GET', path: '/v1/watch?kind=MicroVM' }, (response) => {
    let rest = ''
    response.setEncoding('utf8')
    response.on('error', () => {})
    response.on('data', (piece: string) => {
      const parts = (rest + piece).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const event = JSON.parse(part)
        if (event.object) lines.push({ type: event.type, object: shown(event.object) })
      }
    })
  })
  sent.on('error', () => {})
  sent.end()
  return { lines, stop: () => sent.destroy() }
}

/** The condition of that type; undefined when the object has none. */
export function conditionOf(object: Shown | undefined, type: string): Condition | undefined {
  return object?.status.conditions?.find((one) => one.type === type)
}

/** `True`, `False`, `Unknown` or undefined. */
export function is(object: Shown | undefined, type: string): string | undefined {
  return conditionOf(object, type)?.status
}
