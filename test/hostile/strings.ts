import type { Chance } from './chance.ts'

/** Text that means something to somebody on the way: a path, a shell, nft(8), ip(8), QEMU's option parser, JavaScript. */
export const poisons: readonly string[] = [
  ...['../x', '..', '/../etc', 'a/../../b', './a', '//a', '/etc/passwd', '/dev/zero', '/proc/self/fd/0'],
  ...['a\0b', 'a\nb', 'a\rb', 'a\tb', '\u0007', '\u001b[31m', '\u007f', '\u0085', '\u2028', '\ufeff', '\ud800'],
  ...['-a', '--help', '-', '', ' ', ' a', 'a '],
  ...['a,b', 'a=b', 'a;b', 'a{b}', '{ 1 }', '"', "'", '$x', '$(id)', '`id`', '*', 'a\\', '#a', '@a', '%n', '&', '|'],
  ...['on,script=/bin/sh', 'x,readonly=off', 'x\nlink del dev eth0', 'x } ; flush ruleset ; {', 'a . b', '0.0.0.0/0'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'length', 'then', 'toJSON'],
  ...['\u0430dmin', '\u202egnp.exe', '\u200ba', '\u2066a\u2069', 'ａ', 'İ', 'ß', 'e\u0301', '🙂'],
  ...[
    'null',
    'true',
    'NaN',
    'Infinity',
    '1e999',
    '-0',
    '0x10',
    '010',
    '1_000',
    'yes',
    '~',
    '!!js/function',
    '<<',
    '*a',
    '&a',
  ],
  ...['if7', 'all', 'lo', 'default', 'dev', 'up', 'ip', 'nomaster', 'dynamic'],
]

/** Lengths at and around the limits of schemas, names and files. */
const lengths = [15, 16, 17, 63, 64, 65, 253, 254, 255, 256, 300, 1024, 1025, 2048, 4096, 8193, 16_385, 65_537]

/** What a pattern's star may eat, and what then ends it. */
const eaten = ['a', 'A0', '0', '-', '.', 'a.', 'a-', '/', 'a/', '\n', '\r\n', '=', ' ', ':', '0:', '0.', '🙂']

/** One hostile string; `longest` bounds its length. */
export function poison(chance: Chance, longest: number): string {
  if (chance.int(4) > 0) return chance.pick(poisons)
  const run = chance.pick(eaten)
  const length = Math.min(chance.once(8) ? longest : chance.pick(lengths), longest)
  return run.repeat(Math.ceil(length / run.length)).slice(0, length) + chance.pick(['', '', '!', '\n', '='])
}

/** Each star's food up to `length`, and an end that it does not take: what makes a careless pattern slow. */
export function pumped(length: number): readonly string[] {
  return eaten.flatMap((run) => ['', '!'].map((end) => run.repeat(Math.floor(length / run.length)) + end))
}
