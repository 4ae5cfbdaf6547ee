import { readManifests } from './manifests.ts'
import type { Page } from './page.ts'

/** `moorage validate PATH...`. */
export const validate: Page<[string[]]> = {
  define(command) {
    command.argument('<path...>', 'files and folders; - reads stdin')
  },
  async run(context, [paths]) {
    const { files, problems, documents } = await readManifests(context, paths)
    if (problems.length > 0) {
      context.out(problems.map((problem) => `${problem}\n`).join(''))
      context.note(`moorage: ${count(problems.length, 'problem')} in ${count(files.size, 'file')}`)
      return 1
    }
    const verb = documents.length === 1 ? 'is' : 'are'
    context.out(`${count(documents.length, 'object')} in ${count(files.size, 'file')} ${verb} good.\n`)
    return 0
  },
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
