/** One line from QEMU's monitor; see docs/interop/qmp-spec in QEMU. */
export type QmpMessage =
  | { readonly kind: 'greeting'; readonly version: string }
  | { readonly kind: 'return'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly errorClass: string; readonly description: string }
  | { readonly kind: 'event'; readonly event: QmpEvent }

/** Something that happened in the VMM, told without having been asked. */
export interface QmpEvent {
  /** `SHUTDOWN`, `RESET`, `STOP`, ... */
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
  /** Microseconds since the epoch on the host's clock; 0 when it did not say. */
  readonly at: number
}

/** What a line says; throws a sentence when it is not QMP. */
export function parseMessage(line: string): QmpMessage {
  const object = parseObject(line)
  if (isRecord(object.QMP)) return { kind: 'greeting', version: versionOf(object.QMP) }
  if (typeof object.event === 'string') return { kind: 'event', event: eventOf(object.event, object) }
  if ('return' in object) return { kind: 'return', id: idOf(object, line), value: object.return }
  if (isRecord(object.error)) {
    const { class: errorClass, desc } = object.error
    return { kind: 'error', id: idOf(object, line), errorClass: textOf(errorClass), description: textOf(desc) }
  }
  throw garbage(line)
}

/** True for a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseObject(line: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw garbage(line)
  }
  if (!isRecord(value)) throw garbage(line)
  return value
}

/** An answer without an id is QEMU's complaint about something that it could not read. */
function idOf(object: Readonly<Record<string, unknown>>, line: string): number {
  if (typeof object.id !== 'number') throw garbage(line)
  return object.id
}

function eventOf(name: string, { data, timestamp }: Readonly<Record<string, unknown>>): QmpEvent {
  const time = isRecord(timestamp) ? timestamp : {}
  const { seconds, microseconds } = time
  const at = typeof seconds === 'number' && typeof microseconds === 'number' ? seconds * 1e6 + microseconds : 0
  return { name, data: isRecord(data) ? data : {}, at: Number.isFinite(at) && at > 0 ? at : 0 }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : 'it says nothing'
}

/** `7.2.22` */
function versionOf(greeting: Readonly<Record<string, unknown>>): string {
  const outer = isRecord(greeting.version) ? greeting.version : {}
  const { major, minor, micro } = isRecord(outer.qemu) ? outer.qemu : {}
  return [major, minor, micro].map((part) => (typeof part === 'number' ? part : '?')).join('.')
}

function garbage(line: string): Error {
  const shown = line.length > 80 ? `${line.slice(0, 80)}...` : line
  return new Error(`what came is not QMP: ${JSON.stringify(shown)}`)
}
