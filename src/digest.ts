import { hash } from 'node:crypto'

/** JSON with the keys of every object in order: equal values give equal text. */
export function canonical(value: unknown): string {
  return textOf(value) as string
}

/** First 16 hex digits of the SHA-256 of a value's canonical JSON. Never for secrets: those take a keyed digest. */
export function digest(value: unknown): string {
  return hash('sha256', canonical(value)).slice(0, 16)
}

/** Written out by hand: `JSON.stringify` with a replacer takes five times as long, and every pass compares records. */
function textOf(value: unknown): string | undefined {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if ('toJSON' in value && typeof value.toJSON === 'function') return textOf(value.toJSON())
  if (Array.isArray(value)) {
    let items = ''
    for (const item of value) items += `${items === '' ? '' : ','}${textOf(item) ?? 'null'}`
    return `[${items}]`
  }
  let members = ''
  for (const key of keysOf(value)) {
    const text = textOf((value as Record<string, unknown>)[key])
    if (text !== undefined) members += `${members === '' ? '' : ','}${JSON.stringify(key)}:${text}`
  }
  return `{${members}}`
}

/** In the order of their code units; whole numbers come first, by their size, as in every object of the language. */
function keysOf(value: object): readonly string[] {
  const keys = Object.keys(value)
  const first = keys[0]
  if (first === undefined || !isDigit(first.charCodeAt(0))) return keys.sort()
  return Object.keys(Object.fromEntries(keys.sort().map((key) => [key, true])))
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
