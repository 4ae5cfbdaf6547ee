/** The lines of a body of UTF-8, without their ends; an unfinished last one is not told. Throws for one longer than `longest`. */
export async function* lines(body: AsyncIterable<Uint8Array>, longest: number): AsyncIterable<string> {
  const decoder = new TextDecoder()
  // Pieces of the line that has not ended yet: joined once, however many there are.
  let pieces: string[] = []
  let length = 0
  for await (const bytes of body) {
    const [first = '', ...rest] = decoder.decode(bytes, { stream: true }).split('\n')
    pieces.push(first)
    length += first.length
    if (length > longest) throw new Error(`sent a line of more than ${longest} characters`)
    for (const next of rest) {
      yield pieces.join('')
      pieces = [next]
      length = next.length
    }
  }
}
