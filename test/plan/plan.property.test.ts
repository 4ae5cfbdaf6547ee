import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Action, Plan } from '../../src/action.ts'
import { rebuild } from '../../src/controller/rebuild.ts'
import type { HostState } from '../../src/host-state.ts'
import { plan } from '../../src/plan/plan.ts'
import { apply, emptyHost, type MemoryHost } from '../memory-host.ts'
import { type Drift, desiredOf, drifts, type Wish, wishes } from './arbitrary.ts'

const passes = 8

/** As resolve does: the ledger's power wish counts while the run strategy is the one it was made under. */
function withPower(desired: HostState, host: MemoryHost): HostState {
  const machines = desired.machines.map((machine) => {
    const power = host.ledger.machines[machine.uid]?.power
    return power?.strategy === machine.runStrategy ? { ...machine, power: power.wish } : machine
  })
  return { ...desired, machines }
}

/** An operation by hand just now: the wish's power goes into the ledger. */
function operate(desired: HostState, host: MemoryHost): MemoryHost {
  const machines = { ...host.ledger.machines }
  for (const { uid, power, runStrategy } of desired.machines) {
    const record = machines[uid]
    if (record) machines[uid] = { ...record, power: { wish: power, strategy: runStrategy } }
  }
  return { ...host, ledger: { ...host.ledger, machines } }
}

function planFor(desired: HostState, host: MemoryHost): Plan {
  return plan(withPower(desired, host), host.observed, host.ledger, host.now)
}

/** Carries a plan out; `fails` says which of its actions throw. What is after a failed one is left out. */
function carryOut(host: MemoryHost, actions: readonly Action[], fails: (index: number) => boolean): MemoryHost {
  const failed = new Set<string>()
  let now = host
  for (const [index, action] of actions.entries()) {
    if (fails(index) || action.after.some((id) => failed.has(id))) failed.add(action.id)
    else now = apply(now, action)
  }
  return now
}

function converge(desired: HostState, start: MemoryHost, fails: (pass: number, index: number) => boolean): MemoryHost {
  let host = operate(desired, start)
  for (let pass = 0; pass < passes; pass++) {
    host = { ...host, ledger: rebuild(host.ledger, host.observed.machines) }
    const { actions } = planFor(desired, host)
    if (actions.length === 0) return host
    host = carryOut(host, actions, (index) => fails(pass, index))
  }
  const { actions } = planFor(desired, host)
  expect(actions.map((action) => `${action.id}: ${action.because}`)).toEqual([])
  return host
}

const never = () => false

describe('plan', () => {
  test('applied, it leaves nothing to do: from any wish to any other, after any drift', () => {
    fc.assert(
      fc.property(wishes, wishes, fc.array(drifts, { maxLength: 4 }), (before: Wish, after: Wish, drift: Drift[]) => {
        const settled = converge(desiredOf(before), emptyHost(), never)
        const drifted = drift.reduce((host, one) => one(host), settled)
        converge(desiredOf(after), drifted, never)
      }),
      { numRuns: 2000 },
    )
  })

  test('also when any action fails and the pass repeats', () => {
    fc.assert(
      fc.property(wishes, wishes, fc.array(drifts, { maxLength: 2 }), fc.nat(30), (before, after, drift, broken) => {
        const settled = converge(desiredOf(before), emptyHost(), never)
        const drifted = drift.reduce((host, one) => one(host), settled)
        converge(desiredOf(after), drifted, (pass, index) => pass === 0 && index === broken)
      }),
      { numRuns: 1000 },
    )
  })

  test('the same inputs give the same plan, and every need stands before what needs it', () => {
    fc.assert(
      fc.property(wishes, wishes, fc.array(drifts, { maxLength: 3 }), (before, after, drift) => {
        const host = drift.reduce((now, one) => one(now), converge(desiredOf(before), emptyHost(), never))
        const one = planFor(desiredOf(after), host)
        expect(planFor(desiredOf(after), host)).toEqual(one)
        const ids = one.actions.map((action) => action.id)
        expect(new Set(ids).size).toBe(ids.length)
        for (const [index, action] of one.actions.entries()) {
          for (const need of action.after) expect(ids.slice(0, index)).toContain(need)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('at most one machine that shares a secret is away at a time', () => {
    fc.assert(
      fc.property(wishes, (wish) => {
        const vms = wish.vms.map((vm) => ({
          ...vm,
          present: true,
          strategy: 'Always' as const,
          secret: 0,
          secretRevision: 0,
          blocked: false,
        }))
        const before = { networks: [true, true], vms }
        const after = { ...before, vms: vms.map((vm) => ({ ...vm, secretRevision: 1 })) }
        const settled = converge(desiredOf(before), emptyHost(), never)
        const { actions, waits } = planFor(desiredOf(after), settled)
        expect(actions.filter((action) => action.kind === 'stopMachine')).toHaveLength(1)
        expect(waits).toHaveLength(3)
        converge(desiredOf(after), settled, never)
      }),
      { numRuns: 100 },
    )
  })
})
