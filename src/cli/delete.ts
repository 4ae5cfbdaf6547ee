import { shown } from './apply.ts'
import { openClient } from './client.ts'
import type { Page } from './page.ts'
import { findOne, keyOf, kindOfWord } from './target.ts'

/** `moorage delete KIND NAME...`. */
export const remove: Page<[string, string[]], { namespace?: string }> = {
  define(command) {
    command
      .argument('<kind>', 'kind, plural or short name')
      .argument('<name...>', 'the objects')
      .option('-n, --namespace <namespace>', 'where they are; needed when a name is in several')
      .addHelpText('after', '\nWhat a manifest speaks of is deleted there, and refused here.')
  },
  async run(context, [word, names], { namespace }) {
    const client = openClient(context)
    const kind = kindOfWord(word)
    const keys: string[] = []
    for (const name of new Set(names)) keys.push(keyOf(await findOne(client, kind, name, namespace)))
    const { refusals } = await client.delete(keys)
    const refused = new Map(refusals.map(({ key, message }) => [key, message]))
    for (const key of keys) if (!refused.has(key)) context.out(`${shown(key)} is being deleted\n`)
    for (const message of refused.values()) context.note(`moorage: ${message}`)
    return refused.size > 0 ? 1 : 0
  },
}
