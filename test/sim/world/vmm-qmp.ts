import type { SimConnection, SimSocket } from './stream-socket.ts'

/** What QEMU refuses a command with. */
export class QmpRefusal extends Error {
  readonly errorClass: string
  constructor(errorClass: string, description: string) {
    super(description)
    this.errorClass = errorClass
  }
}

/**
 * What becomes of one command. `late`: the answer, and whatever is asked after it, comes so many milliseconds later.
 * `silent`: it is done and never answered. `refused`: not done. `garbage`: done; that line comes instead of an answer.
 * `doubled`: answered twice. `hangUp`: the connection ends, `done` says whether the command had its effect before.
 */
export type QmpFault =
  | { readonly kind: 'late'; readonly milliseconds: number }
  | { readonly kind: 'silent' }
  | { readonly kind: 'refused'; readonly errorClass: string; readonly words: string }
  | { readonly kind: 'garbage'; readonly line: string }
  | { readonly kind: 'doubled' }
  | { readonly kind: 'hangUp'; readonly done: boolean }

/** What a monitor needs of its VMM. */
export interface MonitorDeps {
  /** Does a command; what it throws as a {@link QmpRefusal} is the answer. */
  execute(command: string, args: Arguments): unknown
  /** Clients are accepted; not by a process that stands still. */
  awake(): boolean
  /** Commands are taken once this is true; until then they wait. */
  ready(): boolean
  /** Timers of the VMM. */
  after(milliseconds: number, run: () => void): void
  faultOf(command: string, args: Arguments): QmpFault | null
  /** Milliseconds by which this greeting is late; `never`. */
  greetingFault(): number | 'never'
}

export type Arguments = Readonly<Record<string, unknown>>

interface Asked {
  readonly execute?: unknown
  readonly arguments?: Arguments
  readonly id?: unknown
}

/** The control monitor on an inherited socket: one client at a time, the others wait in the socket's queue. */
export class Monitor {
  readonly #socket: SimSocket
  readonly #deps: MonitorDeps
  #listening = false
  #client: SimConnection | null = null
  #greeted = false
  #negotiated = false
  #rest = ''
  #asked: (Asked | null)[] = []
  #blocked = false

  constructor(socket: SimSocket, deps: MonitorDeps) {
    this.#socket = socket
    this.#deps = deps
  }

  /** From now on clients are accepted. */
  open(): void {
    this.#listening = true
    this.next()
  }

  /** Takes the next client when none is served. */
  next(): void {
    if (!this.#listening || this.#client || !this.#deps.awake()) return
    const client = this.#socket.take()
    if (!client) return
    this.#client = client
    this.#negotiated = false
    this.#rest = ''
    this.#asked = []
    this.#blocked = false
    client.accept({
      data: (bytes) => {
        if (this.#client === client) this.#read(bytes)
      },
      left: () => this.#end(client),
    })
    const late = this.#deps.greetingFault()
    this.#greeted = false
    if (late === 0) this.greet()
    else if (late !== 'never') this.#deps.after(late, () => this.#client === client && this.greet())
  }

  /** Greets the client that is served, if that has not been done. */
  greet(): void {
    if (this.#greeted) return
    this.#greeted = true
    this.#client?.say(greeting)
  }

  /** An event, or what a fault makes of one, to a client that has ended the negotiation. */
  tell(line: string): void {
    if (this.#negotiated) this.#client?.say(line)
  }

  /** Takes what was asked meanwhile. */
  pump(): void {
    while (this.#client && !this.#blocked && this.#deps.ready() && this.#asked.length > 0)
      this.#take(this.#asked.shift()!)
  }

  #read(bytes: Uint8Array): void {
    const parts = (this.#rest + new TextDecoder().decode(bytes)).split('\n')
    this.#rest = parts.pop() ?? ''
    for (const line of parts) if (line.trim() !== '') this.#asked.push(parse(line))
    this.pump()
  }

  #take(asked: Asked | null): void {
    const command = asked?.execute
    if (!asked || typeof command !== 'string') {
      this.#say(refused('GenericError', 'JSON parse error, invalid keyword'))
      return
    }
    const args = asked.arguments ?? {}
    const fault = this.#deps.faultOf(command, args)
    if (fault?.kind === 'hangUp' && !fault.done) {
      this.#hangUp()
      return
    }
    const answer = fault?.kind === 'refused' ? refused(fault.errorClass, fault.words) : this.#do(command, args)
    this.#answer({ ...answer, id: asked.id }, fault)
  }

  #answer(answer: object, fault: QmpFault | null): void {
    switch (fault?.kind) {
      case 'silent':
        break
      case 'late':
        this.#sayLater(answer, fault.milliseconds)
        break
      case 'garbage':
        this.#client?.say(fault.line.endsWith('\n') ? fault.line : `${fault.line}\r\n`)
        break
      case 'hangUp':
        this.#hangUp()
        break
      case 'doubled':
        this.#say(answer)
        this.#say(answer)
        break
      default:
        this.#say(answer)
    }
  }

  #do(command: string, args: Arguments): object {
    try {
      if (!this.#negotiated && command !== 'qmp_capabilities') {
        return refused('CommandNotFound', "Expecting capabilities negotiation with 'qmp_capabilities'")
      }
      if (command === 'qmp_capabilities') {
        if (this.#negotiated)
          return refused('CommandNotFound', 'Capabilities negotiation is already complete, command ignored')
        this.#negotiated = true
        return { return: {} }
      }
      return { return: this.#deps.execute(command, args) }
    } catch (error) {
      if (error instanceof QmpRefusal) return refused(error.errorClass, error.message)
      throw error
    }
  }

  #say(answer: object): void {
    this.#client?.say(`${JSON.stringify(answer)}\r\n`)
  }

  /** A monitor does one thing after the other. */
  #sayLater(answer: object, milliseconds: number): void {
    const client = this.#client
    this.#blocked = true
    this.#deps.after(milliseconds, () => {
      if (this.#client !== client) return
      this.#blocked = false
      this.#say(answer)
      this.pump()
    })
  }

  #hangUp(): void {
    const client = this.#client
    if (!client) return
    this.#socket.drop(client)
    this.#end(client)
  }

  #end(client: SimConnection): void {
    if (this.#client !== client) return
    this.#socket.drop(client)
    this.#client = null
    this.next()
  }
}

/** What QEMU 7.2.22 says first. */
export const greeting =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, "package": "simulated"}, "capabilities": ["oob"]}}\r\n'

/** An event's line; `at` in microseconds since the epoch. */
export function eventLine(name: string, data: object | null, at: number): string {
  const timestamp = { seconds: Math.floor(at / 1e6), microseconds: at % 1e6 }
  return `${JSON.stringify(data ? { timestamp, event: name, data } : { timestamp, event: name })}\r\n`
}

function refused(errorClass: string, desc: string): object {
  return { error: { class: errorClass, desc } }
}

function parse(line: string): Asked | null {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Asked) : null
  } catch {
    return null
  }
}
