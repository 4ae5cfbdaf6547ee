import { bridgeName, gatewayOf, networkOf, tapName } from './manifests.ts'
import { tool } from './tool.ts'

/** Something that somebody breaks. */
export interface Drift {
  readonly name: string
  /** Who takes the lines. */
  readonly feed: 'ip' | 'nft'
  readonly damage: string
  /** What mends it by hand, and last a line that prints something; empty when no line does. */
  readonly repair: readonly string[]
  /** Actions of the controller after which something is whole again. `held`: held to the goal. */
  readonly marks: readonly { readonly name: string; readonly action: string; readonly held: boolean }[]
}

/** The VM that suffers. */
const index = 3

/** The breaks, with the names that the host has now. */
export function driftsOf(): readonly Drift[] {
  const [tap, bridge, gateway] = [tapName(index), bridgeName(networkOf(index)), gatewayOf(networkOf(index))]
  const { user, group } = linkOf(tap)
  const table = /table bridge (\S+)/.exec(tool('nft', 'list', 'tables'))?.[1] ?? ''
  const mac = new RegExp(`"${tap}" \\. ([0-9a-f:]+)`).exec(tool('nft', 'list', 'set', 'bridge', table, 'portMacs'))?.[1]
  const element = `element bridge ${table} portMacs { "${tap}" . ${mac} }`
  const show = `link show dev ${tap}`
  return [
    {
      name: 'link deleted',
      feed: 'ip',
      damage: `link del dev ${tap}`,
      repair: [
        `tuntap add dev ${tap} mode tap user ${user}`,
        `link set dev ${tap} group ${group} master ${bridge} up`,
        show,
      ],
      marks: [
        { name: 'drift: link deleted', action: `ensureTap/${tap}`, held: true },
        { name: '  until its VM has it again', action: 'replugNic/', held: false },
      ],
    },
    {
      name: 'link off its bridge',
      feed: 'ip',
      damage: `link set dev ${tap} nomaster`,
      repair: [`link set dev ${tap} master ${bridge}`, show],
      marks: [{ name: 'drift: link off its bridge', action: `ensureTap/${tap}`, held: true }],
    },
    {
      name: 'address removed',
      feed: 'ip',
      damage: `addr del ${gateway} dev ${bridge}`,
      repair: [`addr add ${gateway} dev ${bridge}`, show],
      marks: [{ name: 'drift: address removed', action: `ensureBridge/${bridge}`, held: true }],
    },
    {
      name: 'rule removed',
      feed: 'nft',
      damage: `delete ${element}`,
      repair: [`add ${element}`, 'list tables'],
      marks: [{ name: 'drift: rule removed', action: 'ensureRules', held: true }],
    },
    {
      name: 'ruleset flushed',
      feed: 'nft',
      damage: 'flush ruleset',
      repair: [],
      marks: [{ name: '  whole ruleset flushed', action: 'ensureRules', held: false }],
    },
  ]
}

function linkOf(name: string): { readonly user: number; readonly group: number } {
  const [link] = JSON.parse(tool('ip', '-N', '-d', '-j', 'link', 'show', 'dev', name)) as readonly {
    group: string
    linkinfo?: { info_data?: { user?: number | string } }
  }[]
  return { user: Number(link?.linkinfo?.info_data?.user ?? 0), group: Number(link?.group ?? 0) }
}
