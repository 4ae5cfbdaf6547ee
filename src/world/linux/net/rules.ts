import type { RootIdentity } from '../../../ledger.ts'
import type { Process } from '../../process.ts'
import { part } from './bisect.ts'
import { transact } from './nft.ts'
import { probeText, type RuleElement, type RuleOperation, type RuleStep, renderSteps, stepsOf } from './nft-render.ts'
import { setDefinitions } from './nft-sets.ts'
import type { Indexed, Outcomes } from './outcome.ts'

/** Trials that one refused transaction may cost, some 3 ms each. */
const trials = 256

/** What nft(8) says when an element that shall go is not there: it finds out itself, or the kernel does. */
const gone = /No such file or directory|element does not exist/

/**
 * Carries out all rule operations as one transaction. When it is refused, the elements at fault are found with trials
 * that change nothing and are left out; the rest is committed, again as one. True when something was committed.
 */
export async function commitRules(
  run: Process['run'],
  root: RootIdentity,
  operations: Indexed<RuleOperation>,
  outcomes: Outcomes,
  signal: AbortSignal,
): Promise<boolean> {
  const steps = [...operations]
    .flatMap(([index, operation]) => stepsOf(root, index, operation))
    .filter((step) => isSound(step, outcomes))
  if (steps.length === 0) return false
  if ((await transact(run, renderSteps(root, steps), signal)) === null) return true
  const good = await leaveOutTheBad(run, root, steps, outcomes, signal)
  if (good.length === 0) return false
  const words = await transact(run, renderSteps(root, good), signal)
  if (words !== null) failAll(good, words, outcomes)
  return words === null
}

/** An element that is none would end the whole with a syntax error. */
function isSound(step: RuleStep, outcomes: Outcomes): boolean {
  if ('text' in step) return true
  const { accepts, form } = setDefinitions[step.set]
  if (accepts(step.element)) return true
  outcomes.fail(step.operation, `"${step.element}" cannot be in ${step.set}; write it as ${form}`)
  return false
}

async function leaveOutTheBad(
  run: Process['run'],
  root: RootIdentity,
  steps: readonly RuleStep[],
  outcomes: Outcomes,
  signal: AbortSignal,
): Promise<readonly RuleStep[]> {
  const texts = steps.filter((step) => 'text' in step)
  const head = texts.length === 0 ? probeText(root) : ''
  const attempt = (some: readonly RuleElement[]) => {
    const tried = new Set<RuleStep>([...texts, ...some])
    const trial = steps.filter((step) => tried.has(step))
    return transact(run, head + renderSteps(root, trial), signal, { trial: true })
  }
  const words = await attempt([])
  if (words !== null) {
    failAll(steps, words, outcomes)
    return []
  }
  const elements = steps.filter((step) => 'element' in step)
  const { good, bad } = await part(elements, attempt, trials)
  for (const [{ operation, verb, set, element }, why] of bad) {
    if (verb === 'delete' && gone.test(why)) continue
    outcomes.fail(operation, `"${element}" cannot be ${verb === 'add' ? 'added to' : 'removed from'} ${set}: ${why}`)
  }
  const kept = new Set<RuleStep>([...texts, ...good])
  return steps.filter((step) => kept.has(step))
}

function failAll(steps: readonly RuleStep[], words: string, outcomes: Outcomes): void {
  const refused = `nft refuses our tables: ${words}; see \`nft list tables\``
  for (const operation of new Set(steps.map((step) => step.operation))) outcomes.fail(operation, refused)
}
