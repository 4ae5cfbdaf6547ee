import type { AnyObject } from '../api/kinds.ts'
import { parseKey } from '../api/meta.ts'
import { openClient } from './client.ts'
import { Failure } from './failure.ts'
import { readManifests } from './manifests.ts'
import type { Page } from './page.ts'

/** `moorage apply -f PATH`: all of it, or nothing. */
export const apply: Page<[], { filename: string[] }> = {
  define(command) {
    command.requiredOption('-f, --filename <path...>', 'files and folders; - reads stdin')
    command.addHelpText('after', '\nWhat stands in the watched directory is changed there, and refused here.')
  },
  async run(context, _args, { filename }) {
    const { problems, documents } = await readManifests(context, filename)
    if (problems.length > 0) throw new Failure([...problems, 'nothing was applied'])
    const objects = documents.map(({ object }) => object).filter((object): object is AnyObject => object !== null)
    if (objects.length === 0) throw new Failure('there is no object to apply')
    const { results } = await openClient(context).apply(objects)
    for (const { key, result } of results) context.out(`${shown(key)} ${result}\n`)
    return 0
  },
}

/** `MicroVM default/slot1` for `MicroVM/default/slot1`. */
export function shown(key: string): string {
  const { kind, namespace, name } = parseKey(key as `${string}/${string}/${string}`)
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`
}
