import { editorSchema } from '../api/json-schema.ts'
import { KINDS } from '../api/kinds.ts'
import type { Page } from './page.ts'
import { kindOfWord } from './target.ts'

/** `moorage schema KIND`. */
export const schema: Page<[string]> = {
  define(command) {
    command
      .argument('<kind>', `one of ${KINDS.map(({ kind }) => kind).join(', ')}`)
      .addHelpText('after', '\nFor the YAML language server: # yaml-language-server: $schema=FILE')
  },
  async run(context, [word]) {
    context.out(`${JSON.stringify(editorSchema(kindOfWord(word)), null, 2)}\n`)
    return 0
  },
}
