import { expect, test } from 'vitest'
import type { QmpEvent } from '../../src/host/qmp/message.ts'
import { openQmp, type Qmp } from '../../src/host/qmp/qmp.ts'
import { greeting, handClock, scripted } from './scripted.ts'

const never = new AbortController().signal
const wait = { timeout: 1000, signal: never }

async function opened() {
  const connection = scripted()
  const clock = handClock()
  const events: QmpEvent[] = []
  const ends: (Error | null)[] = []
  const handlers = { event: (event: QmpEvent) => events.push(event), end: (error: Error | null) => ends.push(error) }
  const opening = openQmp(connection, clock, handlers, wait)
  connection.say(greeting)
  await Promise.resolve()
  await new Promise(setImmediate)
  connection.say('{"return": {}, "id": 1}\r\n')
  const qmp: Qmp = await opening
  return { connection, clock, events, ends, qmp }
}

test('greets, negotiates, and tells the version', async () => {
  const { qmp, connection, clock } = await opened()
  expect(qmp.version).toBe('7.2.22')
  expect(connection.sent).toEqual([{ execute: 'qmp_capabilities', arguments: {}, id: 1 }])
  expect(clock.waiting).toBe(0)
})

test('gives each command its own answer, in whatever order they come', async () => {
  const { qmp, connection } = await opened()
  const first = qmp.execute('query-status', {}, wait)
  const second = qmp.execute('query-name', { verbose: true }, wait)
  expect(connection.sent.at(-1)).toEqual({ execute: 'query-name', arguments: { verbose: true }, id: 3 })
  connection.say('{"return": "b", "id": 3}\n{"return": "a", "id": 2}\n')
  expect(await Promise.all([first, second])).toEqual(['a', 'b'])
})

test('a refusal is an error with its class, and the connection lives on', async () => {
  const { qmp, connection } = await opened()
  const answer = qmp.execute('cont', {}, wait)
  connection.say('{"error": {"class": "GenericError", "desc": "Resetting is required"}, "id": 2}\n')
  await expect(answer).rejects.toMatchObject({
    reason: 'refused',
    errorClass: 'GenericError',
    message: 'Resetting is required',
  })
  expect(connection.closed).toBe(false)
})

test('torn lines and torn characters arrive whole; events between them too', async () => {
  const { qmp, connection, events } = await opened()
  const answer = qmp.execute('query-name', {}, wait)
  const text = `{"timestamp": {"seconds": 5, "microseconds": 7}, "event": "RESET", "data": {"guest": true}}\n{"return": "käse", "id": 2}\n`
  for (const byte of new TextEncoder().encode(text)) connection.bytes(new Uint8Array([byte]))
  expect(await answer).toBe('käse')
  expect(events).toEqual([{ name: 'RESET', data: { guest: true }, at: 5_000_007 }])
})

test('an answer that never comes ends at the deadline; one that comes late is dropped', async () => {
  const { qmp, connection, clock } = await opened()
  const answer = qmp.execute('query-status', {}, { timeout: 50, signal: never })
  clock.pass(49)
  expect(clock.waiting).toBe(1)
  clock.pass(1)
  await expect(answer).rejects.toMatchObject({ reason: 'late', message: expect.stringContaining('query-status') })
  connection.say('{"return": "late", "id": 2}\n')
  const next = qmp.execute('query-status', {}, wait)
  connection.say('{"return": "next", "id": 3}\n')
  expect(await next).toBe('next')
})

test('a signal ends the wait with its reason, and one that was given before sends nothing', async () => {
  const { qmp, connection, clock } = await opened()
  const abort = new AbortController()
  const answer = qmp.execute('stop', {}, { timeout: 1000, signal: abort.signal })
  abort.abort(new Error('superseded'))
  await expect(answer).rejects.toThrow('superseded')
  await expect(qmp.execute('quit', {}, { timeout: 1000, signal: abort.signal })).rejects.toThrow('superseded')
  expect(connection.sent.map((one) => one.execute)).toEqual(['qmp_capabilities', 'stop'])
  expect(clock.waiting).toBe(0)
})

test.each([
  ['not JSON', 'hello\n', /not QMP: "hello"/],
  ['JSON but no object', '[1]\n', /not QMP/],
  ['an object that says nothing', '{"id": 2}\n', /not QMP/],
  ['an answer without id', '{"return": {}}\n', /not QMP/],
  ['an answer to what was never sent', '{"return": {}, "id": 9}\n', /9, which was never sent/],
])('%s ends the connection with a sentence', async (_what, text, sentence) => {
  const { qmp, connection, ends } = await opened()
  const answer = qmp.execute('query-status', {}, wait)
  connection.say(text)
  await expect(answer).rejects.toMatchObject({ reason: 'closed', message: expect.stringMatching(sentence) })
  expect(connection.closed).toBe(true)
  expect(ends).toHaveLength(1)
  expect(ends[0]?.message).toMatch(sentence)
})

test('a line of more than a mebibyte ends the connection before it is held', async () => {
  const { qmp, connection } = await opened()
  const answer = qmp.execute('query-status', {}, wait)
  const piece = new Uint8Array(1 << 18).fill(0x78)
  for (let count = 0; count < 4; count++) connection.bytes(piece)
  expect(connection.closed).toBe(false)
  connection.bytes(piece)
  expect(connection.closed).toBe(true)
  await expect(answer).rejects.toThrow(/more than 1048576 bytes/)
})

test('a line of exactly a mebibyte is read, and the buffer it came in may be used again', async () => {
  const { qmp, connection } = await opened()
  const answer = qmp.execute('query-status', {}, wait)
  const head = '{"id": 2, "return": "'
  const line = `${head}${'x'.repeat((1 << 20) - head.length - 2)}"}`
  const bytes = new TextEncoder().encode(`${line}\n`)
  const buffer = new Uint8Array(1000)
  for (let at = 0; at < bytes.length; at += 1000) {
    const piece = bytes.subarray(at, at + 1000)
    buffer.set(piece)
    connection.bytes(buffer.subarray(0, piece.length))
  }
  expect(((await answer) as string).length).toBe((1 << 20) - head.length - 2)
})

test('when QEMU goes, everybody who waits is told, and so is who asks later', async () => {
  const { qmp, connection, clock, ends } = await opened()
  const answer = qmp.execute('quit', {}, wait)
  connection.hangUp()
  await expect(answer).rejects.toMatchObject({ reason: 'closed' })
  await expect(qmp.execute('query-status', {}, wait)).rejects.toMatchObject({ reason: 'closed' })
  expect(ends).toEqual([null])
  expect(clock.waiting).toBe(0)
})

test('no greeting: the connection is given up at the deadline', async () => {
  const connection = scripted()
  const clock = handClock()
  const opening = openQmp(connection, clock, { event: () => {}, end: () => {} }, wait)
  clock.pass(1000)
  await expect(opening).rejects.toMatchObject({ reason: 'late', message: expect.stringContaining('greeting') })
  expect(connection.closed).toBe(true)
})

test('refused capabilities: the connection is given up', async () => {
  const connection = scripted()
  const opening = openQmp(connection, handClock(), { event: () => {}, end: () => {} }, wait)
  connection.say(greeting)
  await new Promise(setImmediate)
  connection.say('{"error": {"class": "CommandNotFound", "desc": "no"}, "id": 1}\n')
  await expect(opening).rejects.toThrow('no')
  expect(connection.closed).toBe(true)
})
