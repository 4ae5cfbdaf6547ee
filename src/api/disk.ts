import * as z from 'zod'
import { keyedList } from './list.ts'
import { nameRef } from './ref.ts'
import { exactlyOneOf, mapsIn, type Rule } from './rule.ts'
import { diskSize, stateSpec } from './state.ts'
import { label } from './text.ts'

const disk = exactlyOneOf(
  z.strictObject({
    name: label().describe('Name of the disk in this VM.'),
    state: nameRef('MicroVMState').describe('The state that the VM holds; it outlives the VM.').optional(),
    ephemeral: z
      .strictObject({ size: diskSize.describe('Size of the disk, 1Mi to 1Pi; sparse.') })
      .describe('A blank disk, made anew at each start and gone with the VM.')
      .optional(),
    readOnly: z.boolean().describe('Whether the guest may only read it. When absent: false.').optional(),
  }),
  ['state', 'ephemeral'],
)

const stateTemplate = z.strictObject({
  disk: label().describe('Name of the disk whose state is created.'),
  spec: stateSpec.describe('What the created state should be.'),
})

/** One disk of a VM. */
export type Disk = z.infer<typeof disk>

/** A state to create when it is absent. */
export type StateTemplate = z.infer<typeof stateTemplate>

/** The disks of a VM. */
export const disks = keyedList(disk, ['name'], 16)

/** The states to create when they are absent. One is a mapping without a name: `disk` is its key. */
export const stateTemplates = keyedList(stateTemplate, ['disk'], 16)

/** A template names a disk that has a state; that state's name is the one created. */
export const templatesNameDisks: Rule = {
  rule: '!has(self.stateTemplates) || self.stateTemplates.all(t, has(self.disks) && self.disks.exists(d, d.name == t.disk && has(d.state)))',
  message: 'must have a disk with a state for each of stateTemplates',
  holds: (spec) =>
    mapsIn(spec, 'stateTemplates').every((template) =>
      mapsIn(spec, 'disks').some((each) => each.name === template.disk && each.state !== undefined),
    ),
}

/** One state is one disk: attached twice, its file system would be torn. */
export const statesOnce: Rule = {
  rule: '!has(self.disks) || self.disks.all(d, !has(d.state) || self.disks.exists_one(e, has(e.state) && e.state.name == d.state.name))',
  message: 'must not name one state in two disks',
  holds: (spec) => {
    const names = stateNames(spec)
    return new Set(names).size === names.length
  },
}

function stateNames(spec: unknown): string[] {
  return mapsIn(spec, 'disks').flatMap(({ state }) => {
    const name = (state as { name?: unknown } | null | undefined)?.name
    return typeof name === 'string' ? [name] : []
  })
}
