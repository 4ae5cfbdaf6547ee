import { resolve } from 'node:path'
import { renderCrds } from '../api/crd-yaml.ts'
import { publish } from '../world/publish.ts'
import { Failure } from './failure.ts'
import type { Page } from './page.ts'

/** `moorage crds [--write DIR]`. */
export const crds: Page<[], { write?: string }> = {
  define(command) {
    command.option('--write <dir>', 'write a file for each into this folder, which must be there')
  },
  async run(context, _args, { write }) {
    const texts = renderCrds()
    if (write === undefined) {
      context.out([...texts.values()].join('---\n'))
      return 0
    }
    const folder = resolve(write)
    if ((await context.files.statFollowing(folder))?.type !== 'directory')
      throw new Failure(`${write} is no folder; make it first`)
    for (const [name, text] of texts) {
      await publish(context.files, `${folder}/${name}`, Buffer.from(text), { mode: 0o644 })
      context.out(`${write.replace(/\/+$/, '')}/${name}\n`)
    }
    return 0
  },
}
