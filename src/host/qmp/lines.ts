/** Cuts a stream of bytes into lines. */
export interface Lines {
  /** The lines that `bytes` ends, in order, without their line feeds. Throws past `limit` bytes without a line feed. */
  push(bytes: Uint8Array): readonly string[]
}

/** Lines of UTF-8 text, each of at most `limit` bytes; a character that lies across two pieces stays whole. */
export function lines(limit: number): Lines {
  let room = new Uint8Array(0)
  let held = 0
  // In one place that doubles as it fills: a million pieces of one byte would take 200 times what they hold.
  const hold = (piece: Uint8Array): void => {
    const length = held + piece.length
    if (length > limit) throw new Error(`a line has more than ${limit} bytes`)
    if (length > room.length) {
      const larger = new Uint8Array(Math.min(limit, Math.max(length, room.length * 2)))
      larger.set(room.subarray(0, held))
      room = larger
    }
    room.set(piece, held)
    held = length
  }
  const take = (): string => {
    const line = new TextDecoder().decode(room.subarray(0, held))
    room = new Uint8Array(0)
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
      hold(bytes.subarray(start))
      return whole
    },
  }
}

const lineFeed = 10
