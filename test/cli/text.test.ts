import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KINDS } from '../../src/api/kinds.ts'
import { parseDuration, shortDuration } from '../../src/cli/duration.ts'
import { atJsonPath } from '../../src/cli/json-path.ts'
import { newTail } from '../../src/cli/log-tail.ts'
import { printable } from '../../src/cli/printable.ts'
import { table } from '../../src/cli/table.ts'

describe('durations', () => {
  test.each([
    ['60s', 60_000],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    ['1.5s', 1500],
    ['90', 90_000],
    ['0s', 0],
    ['7d', 604_800_000],
  ])('%s', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds))

  test.each(['', 's', '5', '-5s', '5 s', '5x', '1h30', '8d', 'Infinity', '1e3s', '5s5'].filter((one) => one !== '5'))(
    '%j is refused',
    (text) => expect(() => parseDuration(text)).toThrow(`${text} is no time to wait`),
  )

  test.each([
    [0, '0s'],
    [-5, '0s'],
    [119_999, '119s'],
    [120_000, '2m'],
    [200_000, '3m20s'],
    [3_600_000, '60m'],
    [11_000_000, '3h3m'],
    [86_400_000, '24h'],
    [200_000_000, '2d7h'],
    [8_640_000_000, '100d'],
  ])('%i ms is %s', (milliseconds, text) => expect(shortDuration(milliseconds)).toBe(text))
})

describe('paths of columns', () => {
  const vm = { a: { b: [{ c: 1 }] }, conditions: [{ type: 'Ready', status: 'True' }, { type: 'X' }], 'n-1': 2 }

  test.each([
    ['.a.b[0].c', 1],
    ['.conditions[?(@.type=="Ready")].status', 'True'],
    ["['n-1']".replace(/^\['(.*)'\]$/, '.$1'), 2],
    ['.a.b[1].c', undefined],
    ['.none.of.it', undefined],
    ['.conditions[?(@.type=="None")].status', undefined],
    ['.a.b.length', undefined],
    ['.a.constructor', undefined],
  ])('%s', (path, value) => expect(atJsonPath(vm, path)).toBe(value))

  test('every column that a kind has is one', () => {
    for (const { columns } of KINDS)
      for (const { jsonPath } of columns) expect(() => atJsonPath({}, jsonPath)).not.toThrow()
  })

  test('anything else is said', () => expect(() => atJsonPath({}, '.a..b')).toThrow('.a..b is no path of a column'))
})

test('tables: columns line up, nothing stands behind the last one', () => {
  expect(
    table([
      ['NAME', 'PHASE'],
      ['slot1', 'Running'],
      ['a-long-name', '-'],
    ]),
  ).toBe('NAME          PHASE\nslot1         Running\na-long-name   -\n')
  expect(table([])).toBe('')
})

describe('what a guest wrote, on a terminal', () => {
  test.each([
    ['colours stay', '\x1b[1;32mok\x1b[0m\n', '\x1b[1;32mok\x1b[0m\n'],
    ['cursor movement goes', 'a\x1b[2J\x1b[1;1Hb\x1b[?25l', 'ab'],
    ['titles go', 'a\x1b]0;title\x07b\x1b]2;x\x1b\\c', 'abc'],
    ['the clipboard stays ours', 'a\x1b]52;c;cm0gLXJm\x07b', 'ab'],
    ['a title that never ends', 'a\x1b]0;x', 'a'],
    ['device control strings go', 'a\x1bP1;2|x\x1b\\b', 'ab'],
    ['other escapes go', 'a\x1bcb\x1b(B', 'ab'],
    ['8 bit controls go', 'a\u009b2Jb', 'a2Jb'],
    ['bells, returns and NULs go, tabs and line feeds stay', 'a\x07\r\n\tb\0', 'a\n\tb'],
    ['text of all kinds stays', 'äöü 漢字 🙂', 'äöü 漢字 🙂'],
  ])('%s', (_, text, shown) => expect(printable(text)).toBe(shown))

  test('no escape but a colour ever comes through, however it is put together', () => {
    const unit = fc.constantFrom('\x1b', '[', ']', '0', ';', 'm', 'H', '\x07', 'P', '\\', '\u009b', 'x')
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
        expect(printable(text).replaceAll(/\x1b\[[0-9;]*m/g, '')).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('following a log that is cut', () => {
  const bytes = (text: string | null) => (text === null ? null : Buffer.from(text))
  const follow = (...parts: (readonly [before: string | null, now: string | null])[]) => {
    const tail = newTail()
    return parts.map(([before, now]) => Buffer.concat(tail({ before: bytes(before), now: bytes(now) })).toString())
  }

  test('at first all of it, then what was appended', () => {
    expect(follow(['old ', 'new'], ['old ', 'new'], ['old ', 'new and more'])).toEqual(['old new', '', ' and more'])
  })

  test('what was written between the last look and the cut is not lost', () => {
    expect(follow([null, 'one two'], ['one two three', 'four'])).toEqual(['one two', ' threefour'])
  })

  test('nothing is said twice when the cut kept nothing of what is known', () => {
    expect(follow([null, 'one two three four'], ['something else', 'x'])).toEqual(['one two three four', 'x'])
  })

  test('a VM that is stopped and started again', () => {
    expect(follow([null, 'first boot'], [null, null], [null, ''], [null, 'second boot'])).toEqual([
      'first boot',
      '',
      '',
      'second boot',
    ])
  })

  test('a log that is not there yet', () => {
    expect(follow([null, null], [null, 'hello'])).toEqual(['', 'hello'])
  })
})
