import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { newEscapes, type Typed } from '../../src/cli/escape.ts'

/** What becomes of some pieces that are typed, up to where the user leaves. */
function type(...pieces: string[]): { sent: string; help: number; detach: boolean } {
  const escapes = newEscapes()
  let [sent, help] = ['', 0]
  for (const piece of pieces) {
    const typed: Typed = escapes(Buffer.from(piece))
    sent += Buffer.from(typed.send).toString()
    if (typed.help) help += 1
    if (typed.detach) return { sent, help, detach: true }
  }
  return { sent, help, detach: false }
}

const stays = (sent: string, help = 0) => ({ sent, help, detach: false })
const leaves = (sent: string) => ({ sent, help: 0, detach: true })

describe('escapes as in ssh(1)', () => {
  test.each([
    ['at the very beginning', ['~.'], leaves('')],
    ['after Enter', ['ls\r~.'], leaves('ls\r')],
    ['after a line feed, as a pipe sends it', ['ls\n~.'], leaves('ls\n')],
    ['byte by byte', ['\r', '~', '.'], leaves('\r')],
    ['what stands behind is not sent', ['a\r~.rm -rf /\r'], leaves('a\r')],
    ['not within a line', ['cd ~.\r'], stays('cd ~.\r')],
    ['a doubled tilde is one', ['\r~~.\r'], stays('\r~.\r')],
    ['and after it the line has begun', ['\r~~~.'], stays('\r~~.')],
    ['an unknown escape goes as it is', ['\r~x'], stays('\r~x')],
    ['a home folder at the beginning of a line', ['\r~/bin\r'], stays('\r~/bin\r')],
    ['a tilde and Enter, then the escape', ['\r~\r~.'], leaves('\r~\r')],
    ['help is no input, and an escape may follow it', ['\r~?~.'], leaves('\r')],
    ['a lone tilde waits for what follows', ['\r~'], stays('\r')],
  ])('%s', (_, pieces, result) => {
    expect(type(...pieces)).toEqual({ ...result, help: pieces.join('').includes('~?') ? 1 : 0 })
  })

  test('how the bytes are cut into pieces makes no difference', () => {
    const text = fc.string({ unit: fc.constantFrom('~', '.', '?', '\r', '\n', 'a') })
    fc.assert(
      fc.property(text, (typed) => {
        const [pieces, whole] = [type(...typed), type(typed)]
        expect(pieces).toEqual({ ...whole, help: pieces.help })
        expect(pieces.help > 0).toBe(whole.help > 0)
      }),
    )
  })

  test('without a tilde at the beginning of a line every byte goes through', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const safe = Uint8Array.from(bytes, (byte) => (byte === 0x7e ? 0x2d : byte))
        expect(newEscapes()(safe)).toEqual({ send: safe, help: false, detach: false })
      }),
    )
  })
})
