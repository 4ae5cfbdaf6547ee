import { parseManifest } from '../../src/api/manifest.ts'
import { pumped } from './strings.ts'

/*
 * Manifests at the limit of size, each made of one thing repeated. A program of its own, since what it looks for would
 * take the test along: it reads numbers of cases from stdin, and answers each with the milliseconds it took.
 */

const megabyte = 1024 * 1024

const fragments = [
  ...[
    '{',
    '[',
    '}',
    ']',
    '- ',
    '? ',
    ': ',
    'a: ',
    '&a ',
    '*a ',
    '&a [',
    '!a ',
    '!!str ',
    '!<',
    '|',
    '>',
    '|\n',
    '>-\n\n',
    "'",
    '"',
    '\\',
  ],
  ...[
    '#',
    '# a\n',
    '%',
    '%a\n',
    '---\n',
    '...\n',
    '--- |\n',
    '\n',
    '\r',
    '\t',
    ' ',
    ' \n',
    ',',
    '[],',
    '{},',
    '[[],',
    '{a: ',
    '{? ',
    '- - ',
    '-\n',
  ],
  ...[
    'a',
    'a b',
    'a\n',
    'a: b\n',
    'a: &a b\n',
    'a: *a\n',
    '<<: *a\n',
    '"\\u0041"',
    '"\n',
    "''",
    "'\n",
    '"\\\n',
    'é',
    '🙂',
    '\ufeff',
    '\0',
    '\u0085',
  ],
  ...[
    '0',
    '0x',
    '1_',
    '1e',
    '-',
    '+',
    '.',
    '~',
    'null ',
    '[a, *a, ',
    '- &a\n',
    '- {a: 1}\n',
    'a: |\n  b\n',
    'a: {\n',
    ' a:\n',
    '  - a\n',
  ],
]

const head = (kind: string, name = 'a') =>
  `apiVersion: moorage.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: ${name} }\n`
const secret = 'apiVersion: v1\nkind: Secret\nmetadata: { name: a }\n'
const image = (path: string) => `{ architecture: amd64, source: { hostPath: { kernel: { path: ${path} } } } }\n`

/** Long text in each field that has a pattern of its own. */
const fields: readonly ((text: string) => string)[] = [
  (text) => `${secret}data: { k: ${text} }\n`,
  (text) => `${secret}stringData: { ${text}: a }\n`,
  (text) => `${secret}type: ${text}\n`,
  (text) => head('MicroVMState', text),
  (text) => `${head('MicroVMState')}spec: { size: ${text}, label: ${text.slice(0, 200_000)} }\n`,
  (text) =>
    `${head('MicroVMNetwork')}spec: { subnet: ${text}, gateway: ${text.slice(0, 200_000)}, bridge: ${text.slice(0, 200_000)} }\n`,
  (text) => `${head('MicroVMImage')}spec: ${image(text)}`,
  (text) =>
    `${head('MicroVM')}spec: { guest: { hostname: ${text} }, credentials: { prefix: ${text.slice(0, 200_000)} } }\n`,
  (text) =>
    `apiVersion: moorage.dev/v1alpha1\nkind: MicroVM\nmetadata: { name: a, labels: { ${text}: ${text.slice(0, 200_000)} } }\n`,
  (text) =>
    `${head('MicroVM')}spec: { interfaces: [{ name: a, mac: ${text} }], readiness: { httpGet: { path: ${text.slice(0, 200_000)} } } }\n`,
  (text) => `${head('MicroVMOperation')}spec: { uid: ${text} }\nstatus: { startedAt: ${text.slice(0, 100_000)} }\n`,
  (text) => `apiVersion: ${text}\nkind: ${text.slice(0, 200_000)}\n`,
]

const doubling = (depth: number) =>
  ['a0: &a0 [x,x]', ...Array.from({ length: depth }, (_, at) => `a${at + 1}: &a${at + 1} [*a${at},*a${at}]`)].join('\n')

/** Each a way of making 1 MiB; a function, so that only one is held at a time. */
const cases: readonly (() => string)[] = [
  ...fragments.map((fragment) => () => filled(fragment)),
  ...fragments.map((fragment) => () => `a:\n  ${filled(fragment).slice(0, megabyte - 10)}`),
  ...fragments.map((fragment, at) => () => filled(fragment + fragments[(at * 7 + 3) % fragments.length]!)),
  ...fields.flatMap((field) => pumped(megabyte * 0.58).map((text) => () => field(quoted(text)))),
  ...[10, 31, 33, 60].map((depth) => () => doubling(depth)),
  () => `${secret}stringData:\n${Array.from({ length: 60_000 }, (_, at) => `  k${at}: ''\n`).join('')}`,
  () => `${head('MicroVM')}spec:\n${Array.from({ length: 60_000 }, (_, at) => `  k${at}: ''\n`).join('')}`,
  () => `${head('MicroVM')}spec: { disks: [${'{},'.repeat(200_000)}] }`,
  () => `${head('MicroVM')}spec: { interfaces: [${'{name: a},'.repeat(80_000)}] }`,
  () => `${head('MicroVM')}spec: { oemStrings: [${"'',".repeat(200_000)}] }`,
  () => `${head('MicroVM')}spec: { guest: { authorizedKeys: [${'a,'.repeat(300_000)}] } }`,
  () => `{"apiVersion":"v1","kind":"List","items":[${'{},'.repeat(999)}{}]}`,
  () => `{"apiVersion":"v1","kind":"List","items":[${'[],'.repeat(300_000)}[]]}`,
  () => `${head('MicroVM')}---\n`.repeat(999),
  () => 'x'.repeat(megabyte + 1),
  () => '{'.repeat(64 * megabyte),
]

function filled(fragment: string): string {
  const size = Buffer.byteLength(fragment)
  return fragment.repeat(Math.floor(megabyte / size))
}

/** In JSON's quotes, cut so that the whole stays within what is read. */
function quoted(text: string): string {
  const room = Math.floor((text.length * megabyte * 0.58) / Math.max(Buffer.byteLength(JSON.stringify(text)), 1))
  return JSON.stringify(room < text.length ? text.slice(0, room) + text.slice(-1) : text)
}

process.stdin.setEncoding('utf8').on('data', (words: string) => {
  for (const word of words.trim().split('\n')) {
    const text = cases[Number(word)]?.()
    if (text === undefined) return process.stdout.write(`${JSON.stringify({ end: cases.length })}\n`)
    const started = process.cpuUsage()
    const read = parseManifest(text)
    const { user, system } = process.cpuUsage(started)
    const accepted = read.filter(({ object }) => object !== undefined).length
    const start = text.slice(0, 100)
    process.stdout.write(
      `${JSON.stringify({ ms: Math.round((user + system) / 1000), accepted, problems: read.length - accepted, start, bytes: text.length })}\n`,
    )
  }
})
