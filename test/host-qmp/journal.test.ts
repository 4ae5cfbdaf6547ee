import { expect, test } from 'vitest'
import { emptyJournal, parseJournal, readJournal } from '../../src/host/machine/journal.ts'
import { endOf, phaseOf, stuckAfter, type Vitals } from '../../src/host/machine/phase.ts'

/** Lines as QEMU 7.2 writes them; `at` in seconds. */
const event = (at: number, name: string, data?: object) => {
  const timestamp = { seconds: Math.floor(at), microseconds: Math.round((at % 1) * 1e6) }
  return `${JSON.stringify({ timestamp, event: name, ...(data ? { data } : {}) })}\r\n`
}
const head =
  '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}}, "capabilities": ["oob"]}}\r\n{"return": {}}\r\n'
const shutdown = (at: number, guest: boolean, reason: string) => event(at, 'SHUTDOWN', { guest, reason })
const reset = (at: number, guest = true) =>
  event(at, 'RESET', { guest, reason: guest ? 'guest-reset' : 'host-qmp-system-reset' })
const panicked = (at: number) => event(at, 'GUEST_PANICKED', { action: 'pause' })

test.each<[string, string, object]>([
  ['nothing', '', { ran: false, end: null, resets: 0 }],
  ['a greeting only: paused before its first instruction', head, { ran: false, end: null, resets: 0 }],
  ['a guest that runs', head + event(1, 'RESUME'), { ran: true, end: null, resets: 0 }],
  [
    'a guest that powered itself off',
    event(1, 'RESUME') + shutdown(9, true, 'guest-shutdown') + event(9, 'STOP'),
    { end: 'GuestShutdown' },
  ],
  [
    'a guest that was asked to',
    event(1, 'RESUME') + event(8, 'POWERDOWN') + shutdown(9, true, 'guest-shutdown') + event(9, 'STOP'),
    { end: 'Stopped' },
  ],
  [
    'a guest that was asked long before and went by itself',
    event(8, 'POWERDOWN') + shutdown(9000, true, 'guest-shutdown'),
    { end: 'GuestShutdown' },
  ],
  [
    'a guest that was asked, rebooted, and went by itself then',
    event(8, 'POWERDOWN') + reset(9) + shutdown(60, true, 'guest-shutdown'),
    { end: 'GuestShutdown', resets: 1 },
  ],
  ['a panic', event(1, 'RESUME') + panicked(5) + event(5, 'STOP'), { end: 'GuestPanicked' }],
  ['a VMM that was told to quit', event(1, 'RESUME') + shutdown(5, false, 'host-qmp-quit'), { end: 'Stopped' }],
  ['a VMM that was terminated', event(1, 'RESUME') + shutdown(5, false, 'host-signal'), { end: 'Stopped' }],
  ['a VMM that failed', event(1, 'RESUME') + shutdown(5, false, 'host-error'), { end: 'Crashed' }],
  ['a VMM that was killed', event(1, 'RESUME'), { end: null }],
  [
    'a guest that went by itself, and its VMM that was then told to quit',
    shutdown(5, true, 'guest-shutdown') + event(5, 'STOP') + shutdown(6, false, 'host-qmp-quit'),
    { end: 'GuestShutdown' },
  ],
  [
    'a panic, and its VMM that was then told to quit',
    panicked(5) + shutdown(6, false, 'host-qmp-quit'),
    { end: 'GuestPanicked' },
  ],
  ['a reboot of a q35: twice, 14 ms apart', reset(5) + reset(5.014), { resets: 1, end: null }],
  ['two reboots', reset(5) + reset(5.03) + reset(9) + reset(9.02), { resets: 2 }],
  ['a reset that somebody gave', reset(5, false), { resets: 0 }],
  [
    'an end that somebody took back',
    shutdown(5, true, 'guest-shutdown') + reset(6, false) + event(6, 'RESUME'),
    { end: null, ran: true },
  ],
  [
    'lines that are torn, empty or something else',
    `us": 1}, "event": "RESET"}\n\n{"event": 7}\nnull\n${reset(5)}{"event": "RES`,
    { resets: 1 },
  ],
])('%s', (_what, text, journal) => {
  expect(readJournal(text)).toMatchObject(journal)
})

test('what was summed up before is not counted again, wherever the log was cut', () => {
  const text = event(1, 'RESUME') + reset(5) + reset(9)
  const before = readJournal(text)
  expect(readJournal(text, before)).toEqual(before)
  expect(readJournal(reset(9) + reset(12), before)).toMatchObject({ resets: 3, ran: true })
  expect(parseJournal(JSON.stringify(before))).toEqual(before)
  expect(parseJournal('{"upTo": "x"}')).toBeNull()
  expect(parseJournal('{')).toBeNull()
})

const vitals: Vitals = { alive: true, runState: 'running', silentFor: null, journal: { ...emptyJournal, ran: true } }

test.each<[string, Partial<Vitals>, string, string | null]>([
  ['it runs', {}, 'Running', null],
  ['nobody holds it', { alive: false }, 'Gone', null],
  [
    'gone, with an end written down',
    { alive: false, journal: { ...vitals.journal, end: 'GuestShutdown' } },
    'Gone',
    'GuestShutdown',
  ],
  ['it has not greeted and never ran', { runState: null, silentFor: 60_000, journal: emptyJournal }, 'Starting', null],
  ['it ran, and has not greeted us yet', { runState: null, silentFor: 100 }, 'Running', null],
  ['it ran, and does not greet us', { runState: null, silentFor: stuckAfter }, 'Stuck', null],
  [
    'it ended, and does not greet us yet',
    { runState: null, silentFor: 5, journal: { ...vitals.journal, end: 'GuestPanicked' } },
    'Ended',
    'GuestPanicked',
  ],
  ['it answered and is silent now', { silentFor: stuckAfter }, 'Stuck', null],
  ['silent for a moment', { silentFor: stuckAfter - 1 }, 'Running', null],
  ['paused before its first instruction', { runState: 'prelaunch', journal: emptyJournal }, 'Paused', null],
  ['paused by somebody', { runState: 'paused' }, 'Paused', null],
  ['its disk is full', { runState: 'io-error' }, 'Paused', null],
  ['it sleeps', { runState: 'suspended' }, 'Running', null],
  [
    'it powered off',
    { runState: 'shutdown', journal: { ...vitals.journal, end: 'GuestShutdown' } },
    'Ended',
    'GuestShutdown',
  ],
  ['it powered off and the journal is lost', { runState: 'shutdown' }, 'Ended', 'GuestShutdown'],
  ['it panicked', { runState: 'guest-panicked' }, 'Ended', 'GuestPanicked'],
  ['its emulation failed', { runState: 'internal-error' }, 'Ended', 'Crashed'],
])('phase: %s', (_what, change, phase, end) => {
  const seen = { ...vitals, ...change }
  expect(phaseOf(seen)).toBe(phase)
  expect(endOf(phaseOf(seen), seen)).toBe(end)
})
