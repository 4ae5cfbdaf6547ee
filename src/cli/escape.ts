/** What to do with typed bytes: what goes to the guest, what is said to the user, whether he leaves. */
export interface Typed {
  readonly send: Uint8Array
  readonly help: boolean
  readonly detach: boolean
}

const [tilde, dot, question, carriageReturn, newline] = [...Buffer.from('~.?\r\n')] as [
  number,
  number,
  number,
  number,
  number,
]

/**
 * The escapes of ssh(1): after a line end, `~.` detaches, `~~` is one tilde, `~?` explains, and any other `~x` goes to the
 * guest as it is. A tilde is held until its next byte is there. Answers a function that takes what is typed, in pieces.
 */
export function newEscapes(): (bytes: Uint8Array) => Typed {
  let atLineStart = true
  let held = false
  return (bytes) => {
    const send: number[] = []
    let help = false
    for (const byte of bytes) {
      if (held) {
        held = false
        if (byte === dot) return { send: Uint8Array.from(send), help, detach: true }
        if (byte === question) {
          help = true
          continue
        }
        send.push(tilde)
        if (byte === tilde) {
          atLineStart = false
          continue
        }
      } else if (byte === tilde && atLineStart) {
        held = true
        continue
      }
      send.push(byte)
      atLineStart = byte === carriageReturn || byte === newline
    }
    return { send: Uint8Array.from(send), help, detach: false }
  }
}
