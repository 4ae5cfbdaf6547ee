import type { YAMLError } from 'yaml'

type Sentences = Readonly<Partial<Record<YAMLError['code'], string>>>

// The library's own messages quote the text, which may be a secret; these do not.
const SENTENCES: Sentences = {
  ALIAS_PROPS: 'an alias (*) can have neither anchor nor tag',
  BAD_ALIAS: 'an anchor (&) or alias (*) has no proper name: quote the text if none is meant',
  BAD_COLLECTION_TYPE: 'a tag (!) does not fit what follows it: take it out',
  BAD_DIRECTIVE: 'a directive (%) is not understood: take it out',
  BAD_DQ_ESCAPE: 'a backslash escape in double quotes is not valid: write \\\\ for a backslash, or use single quotes',
  BAD_INDENT: 'the indentation does not fit: entries of one list or mapping must begin in the same column',
  BAD_PROP_ORDER: 'an anchor (&) or tag (!) stands in the wrong place: take it out',
  BAD_SCALAR_START: 'text cannot begin with this character: put it in quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a second ": " or a list stands on the line of a key: begin a new line, or put the value in quotes',
  BLOCK_IN_FLOW: 'an indented list or mapping cannot stand inside brackets',
  KEY_OVER_1024_CHARS: 'a key is longer than 1024 characters: is a line break missing?',
  MISSING_CHAR: 'something is missing here: a colon after a key, a closing quote or bracket, a comma or a space',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line: is a colon missing?',
  MULTIPLE_ANCHORS: 'a value can have only one anchor (&)',
  MULTIPLE_TAGS: 'a value can have only one tag (!)',
  NON_STRING_KEY: 'a key must be text',
  RESOURCE_EXHAUSTION: 'the document is too deeply nested to read',
  TAB_AS_INDENT: 'a tab is used as indentation: use spaces',
  TAG_RESOLVE_FAILED: 'a tag (!) is not known here: take it out',
  UNEXPECTED_TOKEN: 'this does not belong here: check quotes, brackets and indentation',
}

const UNCLOSED = 'a bracket is opened here and not closed, or what it holds is indented too little'

/** What a YAML error means, in a sentence that quotes nothing of the file. */
export function yamlSentence({ code, message }: YAMLError): string {
  if (code === 'MISSING_CHAR' && message.startsWith('Implicit map keys')) return 'a colon is missing after this key'
  if (code === 'MISSING_CHAR' && message.startsWith('Missing closing')) return 'a quote is opened and never closed'
  if (message.includes('must end with') || message.includes('and end with')) return UNCLOSED
  return SENTENCES[code] ?? 'this is not valid YAML'
}
