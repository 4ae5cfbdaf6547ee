import type { RootIdentity } from '../../../ledger.ts'
import type { NetOperation, NetOutcome } from '../../net.ts'
import { forwardingPath } from './dump.ts'
import type { NetHost } from './host.ts'
import type { LinkOperation } from './link-operation.ts'
import { commitLinks } from './links.ts'
import type { RuleOperation } from './nft-render.ts'
import { type Indexed, type Outcomes, outcomesOf } from './outcome.ts'
import type { Reference } from './reference.ts'
import { commitRules } from './rules.ts'

/**
 * Carries out a commit: links and rules side by side, then forwarding, which is not switched on when rules that were to
 * be loaded are not. Throws only on abort.
 */
export async function commitNet(
  host: NetHost,
  root: RootIdentity,
  reference: Reference,
  operations: readonly NetOperation[],
  signal: AbortSignal,
): Promise<readonly NetOutcome[]> {
  const outcomes = outcomesOf(operations.length)
  const links = pick(operations, isLink)
  const rules = pick(operations, isRule)
  const forwarding = pick(operations, isForwarding)
  const [, loaded] = await Promise.all([
    attempt(links, outcomes, signal, () => commitLinks(host.run, root, links, outcomes, signal)),
    attempt(rules, outcomes, signal, () => commitRules(host.run, root, rules, outcomes, signal)),
  ])
  const replaces = [...rules.values()].some(({ op }) => op === 'replaceRules')
  if (replaces && loaded) reference.loaded()
  await attempt(forwarding, outcomes, signal, async () => {
    for (const { value } of forwarding.values()) {
      if (value && replaces && !loaded) throw new Error('forwarding stays off while our rules cannot be loaded')
      await host.writeText(forwardingPath, value ? '1\n' : '0\n')
    }
  })
  return outcomes.list()
}

type ForwardingOperation = Extract<NetOperation, { op: 'setForwarding' }>

const isForwarding = (operation: NetOperation): operation is ForwardingOperation => operation.op === 'setForwarding'

const isRule = (operation: NetOperation): operation is RuleOperation =>
  operation.op === 'replaceRules' || operation.op === 'changeRules' || operation.op === 'removeRules'

const isLink = (operation: NetOperation): operation is LinkOperation => !isRule(operation) && !isForwarding(operation)

function pick<Kind extends NetOperation>(
  operations: readonly NetOperation[],
  is: (operation: NetOperation) => operation is Kind,
): Indexed<Kind> {
  return new Map(operations.flatMap((operation, place) => (is(operation) ? [[place, operation] as const] : [])))
}

/** null when it threw: then every operation that is not known to have failed has failed of that. */
async function attempt<Result>(
  operations: Indexed<NetOperation>,
  outcomes: Outcomes,
  signal: AbortSignal,
  carryOut: () => Promise<Result>,
): Promise<Result | null> {
  if (operations.size === 0) return null
  try {
    return await carryOut()
  } catch (error) {
    if (signal.aborted) throw error
    const why = error instanceof Error ? error.message : String(error)
    for (const place of operations.keys()) if (!outcomes.failed(place)) outcomes.fail(place, why)
    return null
  }
}
