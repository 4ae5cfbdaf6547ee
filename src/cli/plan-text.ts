import type { Action, Plan } from '../action.ts'

type Sign = '+' | '-' | '~'

/** A plan as lines: actions in order, then what is refused and what is waited for, then their number. */
export function planText(plan: Plan): string {
  const signs = plan.actions.map(signOf)
  const lines = [
    ...plan.actions.map((action, index) => `${signs[index]} ${action.id}  ${whose(action)}: ${action.because}`),
    ...plan.refusals.map((refusal) => `! ${whose(refusal)}: ${refusal.message}`),
    ...plan.waits.map((wait) => `… ${whose(wait)}: ${wait.message}`),
  ]
  const count = (sign: Sign) => signs.filter((one) => one === sign).length
  const sum = `${count('+')} to add, ${count('~')} to change, ${count('-')} to remove.`
  return [...lines, plan.actions.length === 0 ? 'Nothing to do.' : sum].map((line) => `${line}\n`).join('')
}

/** Whether an action makes something, takes something away, or mends what is there. */
export function signOf(action: Action): Sign {
  switch (action.kind) {
    case 'createVolume':
    case 'startMachine':
      return '+'
    case 'ensureBridge':
    case 'ensureTap':
      return action.mend.includes('add') ? '+' : '~'
    case 'ensureRules':
      return action.change.mode === 'replace' ? '+' : '~'
    case 'setForwarding':
      return action.value ? '+' : '-'
    case 'removeLink':
    case 'removeRules':
    case 'deleteVolume':
    case 'stopMachine':
    case 'concludeMachine':
    case 'forgetMachine':
      return '-'
    case 'attachVolume':
    case 'resumeMachine':
    case 'replugNic':
      return '~'
  }
}

/** `MicroVM default/slot1`. What belongs to no object is the host's. */
export function whose({ owner }: Pick<Action, 'owner'>): string {
  if (owner.kind === 'Host') return 'the host'
  return `${owner.kind} ${owner.namespace === '' ? '' : `${owner.namespace}/`}${owner.name}`.trim()
}
