/** Cuts a stream of bytes into lines. */
export interface Lines {
  /** The lines that `bytes` ends, in order, without their line feeds. Throws past `limit` bytes without a line feed. */
  push(bytes: Uint8Array): readonly string[]
}

/** Lines of UTF-8 text, each of at most `limit` bytes; a character that lies across two pieces stays whole. */
export function lines(limit: number): Lines {
  let pieces: Uint8Array[] = []
  let held = 0
  const hold = (piece: Uint8Array): void => {
    held += piece.length
    if (held > limit) throw new Error(`a line has more than ${limit} bytes`)
    if (piece.length > 0) pieces.push(piece)
  }
  const take = (): string => {
    const line = new TextDecoder().decode(join(pieces, held))
    pieces = []
    held = 0
    return line
  }
  return {
    push(bytes) {
      const whole: string[] = []
      let start = 0
      for (let feed = bytes.indexOf(lineFeed); feed >= 0; feed = bytes.indexOf(lineFeed, start)) {
        hold(bytes.subarray(start, feed))
        whole.push(take())
        start = feed + 1
      }
      // A copy, since the sender may use its buffer again.
      hold(bytes.slice(start))
      return whole
    },
  }
}

const lineFeed = 10

function join(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
