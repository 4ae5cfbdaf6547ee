/** What ends a command early: sentences for stderr, without `moorage:` and full stop, and an exit code. */
export class Failure extends Error {
  readonly sentences: readonly string[]
  readonly code: number

  constructor(sentences: string | readonly string[], code = 1) {
    const list = typeof sentences === 'string' ? [sentences] : sentences
    super(list.join('; '))
    this.name = 'Failure'
    this.sentences = list
    this.code = code
  }
}
