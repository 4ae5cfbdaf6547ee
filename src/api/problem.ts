/** The steps from the top of a document to a value in it. */
export type Path = readonly (string | number)[]

/** What is wrong with a value, before anybody knows where it stands in a file. */
export interface Fault {
  readonly path: Path
  /** One sentence that names the value and says what to do, without a full stop. */
  readonly message: string
  /** Whether the key at the end of the path is meant, not its value. */
  readonly atKey?: boolean
  /** Whether that key may be a secret that slipped, so that nobody may print it. */
  readonly hideKey?: boolean
}

/** What is wrong in a file, and where. */
export interface Problem {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
  /** As Kubernetes writes it: `spec.interfaces[0].mac`; empty for a whole document. */
  readonly path: string
  /** One sentence that names the value and says what to do, without a full stop. */
  readonly message: string
}

/** A path as Kubernetes writes it. Keys that would be ambiguous stand in brackets: `metadata.labels["example.org/app"]`. */
export function pathText(path: Path): string {
  return path.map((step, index) => stepText(step, index === 0)).join('')
}

/** A value in a sentence: one line, short. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' && value !== null ? 'a mapping' : String(value)
}

/** Short, in quotes, and visible: JSON leaves DEL, C1 controls, and what turns or hides text on a screen. */
function quoted(text: string): string {
  const visible = (one: string) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(clipped(text)).replace(/[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, visible)
}

/** Text of at most 40 characters. */
export function clipped(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 39)}…`
}

function stepText(step: string | number, first: boolean): string {
  if (typeof step === 'number') return `[${step}]`
  if (/^[A-Za-z][A-Za-z0-9_-]*$/.test(step)) return first ? clipped(step) : `.${clipped(step)}`
  return `[${quoted(step)}]`
}
