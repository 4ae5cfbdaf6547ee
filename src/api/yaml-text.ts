import { Composer, type CST, type Document, Lexer, LineCounter, type ParsedNode, Parser, type YAMLError } from 'yaml'

/** The longest manifest that is read. */
export const MAX_BYTES = 1024 * 1024

/** The most documents, or objects, in one manifest. */
export const MAX_DOCUMENTS = 1000

/** The deepest nesting of lists and mappings. */
export const MAX_DEPTH = 32

// Tokens are the smallest pieces of the text. They are what time and memory go by: 3 µs and 1 kB each at worst. 1 MiB of
// usual block style has about 300,000, of dense flow style twice as many.
const MAX_TOKENS = 300_000
const MAX_ERRORS = 100

const TOO_WRONG = 'the file has too many errors: is it YAML?'
const TOO_MANY = `the file has more than ${MAX_DOCUMENTS} documents: split it`

/** What is said of deeper nesting. */
export const TOO_DEEP = `lists and mappings are nested deeper than ${MAX_DEPTH} levels`

/** One document of a YAML stream, with its nodes and errors. */
export type YamlDocument = Document.Parsed<ParsedNode>

/** A text as YAML documents, or why it was given up, and where (an offset). */
export interface YamlText {
  readonly documents: readonly YamlDocument[]
  readonly lines: LineCounter
  readonly refused?: { readonly offset: number; readonly message: string }
}

/** Why reading stops before the end. */
class Refusal extends Error {
  readonly offset: number
  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

/**
 * Parses YAML 1.2 (core schema) without ever throwing. The library's own entry points recurse with the text, so that 1 MiB
 * of `{` ends the process (V8 aborts); here the nesting is bounded between its lexer and its composer, and so are tokens,
 * documents and errors.
 */
export function parseYaml(text: string): YamlText {
  const lines = new LineCounter()
  lines.addNewLine(0)
  if (text.length * 3 > MAX_BYTES && Buffer.byteLength(text) > MAX_BYTES) {
    return { documents: [], lines, refused: { offset: 0, message: 'the file is larger than 1 MiB: split it' } }
  }
  const documents: YamlDocument[] = []
  try {
    for (const document of composer().compose(tokens(text, lines))) {
      if (documents.length === MAX_DOCUMENTS) throw new Refusal(document.range[0], TOO_MANY)
      documents.push(document)
    }
    return { documents, lines }
  } catch (error) {
    return { documents: [], lines, refused: refusal(error) }
  }
}

function* tokens(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine)
  let count = 0
  let errors = 0
  for (const lexeme of new Lexer().lex(text)) {
    count += 1
    if (count > MAX_TOKENS) throw new Refusal(parser.offset, 'the file has too many parts to read: split it')
    // The stack is the document, one entry a level, and the scalar in work; the exact bound is in yaml-value.ts.
    if (parser.stack.length > MAX_DEPTH + 2) throw new Refusal(parser.offset, TOO_DEEP)
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') errors += 1
      if (errors > MAX_ERRORS) throw new Refusal(parser.offset, TOO_WRONG)
      yield token
    }
  }
  yield* parser.end()
}

/**
 * A composer that gives up after so many errors. Its error callback is private; 1 MiB of quotes gives half a million errors
 * (600 MB), and there is no other place to stop them. test/api/yaml-text.test.ts fails when this no longer works.
 */
function composer(): Composer {
  const made = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', version: '1.2' })
  const inner = made as unknown as { onError: (source: unknown, ...rest: readonly unknown[]) => void }
  const report = inner.onError
  let count = 0
  inner.onError = (source, ...rest) => {
    count += 1
    if (count > MAX_ERRORS) throw new Refusal(offsetOf(source), TOO_WRONG)
    report(source, ...rest)
  }
  return made
}

function offsetOf(source: unknown): number {
  if (typeof source === 'number') return source
  if (Array.isArray(source)) return Number(source[0])
  return Number((source as { offset?: number } | undefined)?.offset ?? 0)
}

function refusal(error: unknown): { offset: number; message: string } {
  if (error instanceof Refusal) return { offset: error.offset, message: error.message }
  // Nothing is known to come here; if something does, it is a sentence, not a dead controller.
  return { offset: 0, message: 'the file cannot be read as YAML: simplify it' }
}

/** The errors and warnings of a document: what YAML merely warns of, an unknown tag, is a surprise as well. */
export function errorsOf(document: YamlDocument): readonly YAMLError[] {
  return [...document.errors, ...document.warnings]
}
