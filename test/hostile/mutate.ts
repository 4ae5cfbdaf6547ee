import type { Chance } from './chance.ts'
import { poison } from './strings.ts'

type Holder = Record<string | number, unknown>

/** Changes a value in place somewhere, a few times; `longest` bounds strings. Answers the value. */
export function mutate(value: unknown, chance: Chance, longest = 70_000): unknown {
  const box: Holder = { value }
  for (let left = 1 + chance.int(3); left > 0; left -= 1) change(box, chance, longest)
  return box.value
}

function change(box: Holder, chance: Chance, longest: number): void {
  const places = placesIn(box)
  if (places.length === 0) return
  const [holder, key] = chance.pick(places)
  const found = holder[key]
  const draws: readonly (() => unknown)[] = [
    () => structuredClone(chance.pick(others)),
    () => nested(chance),
    () => Array.from({ length: chance.pick([17, 65, 129, 1001]) }, () => clone(found)),
    () =>
      Object.fromEntries(
        Array.from({ length: chance.pick([17, 129, 257, 1025]) }, (_, at) => [`k${at}`, clone(found)]),
      ),
    () => {
      const [from, at] = chance.pick(places)
      return clone(from[at])
    },
    () => poison(chance, longest),
    () => poison(chance, longest),
    () => poison(chance, longest),
  ]
  const how = chance.int(12)
  if (how === 0) drop(holder, key)
  else if (how === 1) set(holder, Array.isArray(holder) ? '' : poison(chance, 300), clone(found))
  else set(holder, key, chance.pick(draws)())
}

function drop(holder: Holder, key: string | number): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1)
  else delete holder[key]
}

const others: readonly unknown[] = [
  ...[
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e21,
    2 ** 53,
    -(2 ** 53),
    Number.MAX_VALUE,
    '',
    'x',
    [],
    {},
    [[]],
    [{}],
    { a: null },
  ],
  ...[[null], { constructor: 1 }, { toString: 1 }, { length: 1e9 }],
]

function nested(chance: Chance): unknown {
  let value: unknown = 1
  for (let left = chance.pick([5, 31, 32, 33, 40]); left > 0; left -= 1) value = chance.once(2) ? [value] : { a: value }
  return value
}

/** Big values are not doubled again: the size stays within what is read. */
function clone(value: unknown): unknown {
  return (JSON.stringify(value)?.length ?? 0) > 2000 ? 'big' : structuredClone(value)
}

/** As JSON.parse would: `__proto__` is a member like any other. */
function set(holder: Holder, key: string | number, value: unknown): void {
  if (Array.isArray(holder) && typeof key === 'string') holder.push(value)
  else Object.defineProperty(holder, key, { value, enumerable: true, writable: true, configurable: true })
}

/** Every place of a value, nearer ones first; bounded. */
function placesIn(box: Holder): [Holder, string | number][] {
  const places: [Holder, string | number][] = []
  const queue: Holder[] = [box]
  for (let holder = queue.shift(); holder !== undefined && places.length < 400; holder = queue.shift()) {
    for (const key of Array.isArray(holder) ? holder.keys() : Object.keys(holder)) {
      places.push([holder, key])
      const inner = holder[key]
      if (typeof inner === 'object' && inner !== null) queue.push(inner as Holder)
    }
  }
  return places
}

/** Changes bytes: flips, cuts, inserts, doubles, joins; a BOM, UTF-16, carriage returns. */
export function mutateBytes(bytes: Uint8Array, chance: Chance): Uint8Array {
  let now = Buffer.from(bytes)
  for (let left = 1 + chance.int(4); left > 0; left -= 1) now = changeBytes(now, chance)
  return now
}

const inserts = [
  '\0',
  '\r',
  '\n',
  '\t',
  ':',
  '- ',
  '{',
  '[',
  '}',
  '"',
  "'",
  '|\n',
  '&a ',
  '*a',
  '!!str ',
  '? ',
  '<<: ',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  '#',
  '\ufeff',
  ',',
  '\\',
  '\\u0000',
  '1e999',
]

function changeBytes(bytes: Buffer<ArrayBuffer>, chance: Chance): Buffer<ArrayBuffer> {
  const at = chance.int(bytes.length + 1)
  const to = Math.min(bytes.length, at + chance.int(64))
  switch (chance.int(9)) {
    case 0:
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << chance.int(8))
      return bytes
    case 1:
      return bytes.subarray(0, at)
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
    case 3:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)])
    case 4:
      return chance.once(4)
        ? Buffer.from(bytes.toString('utf8'), 'utf16le')
        : Buffer.concat([Buffer.from('\ufeff'), bytes])
    case 5:
      return chance.once(2)
        ? Buffer.from(bytes.toString('utf8').replaceAll('\n', chance.pick(['\r', '\r\n', '\u0085', ''])))
        : bytes
    case 6:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([chance.int(256), chance.int(256)]), bytes.subarray(at)])
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from(chance.pick(inserts)), bytes.subarray(at)])
  }
}
