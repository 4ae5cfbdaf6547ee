import { Failure } from './failure.ts'

/** All of stdin as text; a {@link Failure} when it has more than `limit` bytes or is not UTF-8. */
export async function readInput(limit: number): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    length += piece.length
    if (length > limit) throw new Failure(`stdin has more than ${limit} bytes; split it`)
    pieces.push(piece)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces))
  } catch {
    throw new Failure('stdin is not UTF-8; save it as such')
  }
}
