import { stringify } from 'yaml'
import type { Chance } from './chance.ts'

/** Values as the text of a manifest: JSON, YAML in one style or another, or a List. */
export function render(values: readonly unknown[], chance: Chance): string {
  switch (chance.int(4)) {
    case 0:
      return values.map((value) => JSON.stringify(value)).join('\n---\n')
    case 1:
      return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: values })
    default:
      return values.map((value) => yaml(value, chance)).join('---\n')
  }
}

function yaml(value: unknown, chance: Chance): string {
  try {
    return stringify(value, {
      aliasDuplicateObjects: chance.once(2),
      lineWidth: chance.pick([0, 20, 80]),
      defaultStringType: chance.pick([
        'PLAIN',
        'QUOTE_SINGLE',
        'QUOTE_DOUBLE',
        'BLOCK_LITERAL',
        'BLOCK_FOLDED',
      ] as const),
      collectionStyle: chance.pick(['any', 'flow', 'block'] as const),
    })
  } catch {
    // What the library cannot write, as a lone surrogate in a block.
    return `${JSON.stringify(value)}\n`
  }
}
