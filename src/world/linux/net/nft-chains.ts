import type { RootIdentity } from '../../../ledger.ts'
import { bridgeTable } from './nft-bridge.ts'
import { inetTable } from './nft-inet.ts'
import { ruleSetNames, setDefinitions } from './nft-sets.ts'

/** Name of our two tables, one in family `bridge` and one in family `inet`. */
export function tableName(root: RootIdentity): string {
  return `moorage_${root.id}`
}

/** Both tables with empty sets, as text for nft(8). It depends on the root alone. */
export function tablesText(root: RootIdentity): string {
  const table = tableName(root)
  return bridgeTable(table, root.group, setBlocks('bridge')) + inetTable(table, root.group, setBlocks('inet'))
}

/** The same on one line and without comments, as nft's interactive mode takes it. */
export function tablesLine(root: RootIdentity): string {
  return tablesText(root)
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .join('; ')
    .replaceAll('{;', '{')
}

function setBlocks(family: 'bridge' | 'inet'): string {
  return ruleSetNames
    .map((name) => setDefinitions[name])
    .filter((set) => set.family === family)
    .map((set) => `  set ${set.name} { type ${set.type}; ${set.flags === undefined ? '' : `flags ${set.flags}; `}}`)
    .join('\n')
}
