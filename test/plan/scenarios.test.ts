import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Observed } from '../../src/host-state.ts'
import { emptyHost, type MemoryHost } from '../memory-host.ts'
import { converge, planOf, type Specs } from './scenario.ts'

/**
 * A scenario: what ran before (`ran`, converged on an empty host), what somebody did to the host since (`drift`), what
 * is wanted now (`specs`), and what the plan says line by line. After it is applied nothing must be left to do.
 */
interface Scenario {
  readonly name: string
  readonly ran?: string
  readonly drift?: readonly Drift[]
  readonly specs: string
  readonly revisions?: Readonly<Record<string, string>>
  readonly missingFiles?: readonly string[]
  readonly deleted?: readonly string[]
  readonly plan: readonly string[]
  readonly refusals?: readonly string[]
  readonly waits?: readonly string[]
}

interface Drift {
  readonly remove?: string
  readonly link?: string
  readonly machine?: string
  readonly rules?: object
  readonly host?: object
  /** A machine that crashed so many times, the next try due in `wait` seconds. */
  readonly crashed?: string
  readonly count?: number
  readonly wait?: number
  /** A machine whose runtime folder is not there. */
  readonly gone?: string
  readonly ledger?: 'lost'
  readonly set?: object
}

const folder = join(import.meta.dirname, 'scenarios')

function drift(host: MemoryHost, step: Drift): MemoryHost {
  const { observed } = host
  const change = (part: Partial<Observed>): MemoryHost => ({ ...host, observed: { ...observed, ...part } })
  if (step.crashed) {
    const [uid, record] = Object.entries(host.ledger.machines).find(([, one]) => one.ref.name === step.crashed)!
    const crashes = { count: step.count!, retryAt: host.now + step.wait! * 1000 }
    const ended = { how: 'Crashed', at: host.now }
    const machines = { ...host.ledger.machines, [uid]: { ...record, crashes, started: { ...record.started!, ended } } }
    const gone = observed.machines.filter((one) => one.uid !== uid)
    return { ...host, ledger: { ...host.ledger, machines }, observed: { ...observed, machines: gone } }
  }
  if (step.ledger === 'lost') return { ...host, ledger: { ...host.ledger, forwardingPrior: null, machines: {} } }
  if (step.gone) return change({ machines: observed.machines.filter((one) => one.owner.name !== step.gone) })
  if (step.wait) return { ...host, now: host.now + step.wait * 1000 }
  if (step.remove) {
    const links = observed.links.filter((link) => link.name !== step.remove)
    return change({ links: links.map((link) => (link.master === step.remove ? { ...link, master: null } : link)) })
  }
  if (step.link) {
    const there = observed.links.some((link) => link.name === step.link)
    const made = { ...observed.links[0]!, name: step.link, alias: '', group: 0, index: 9, kind: 'dummy', master: null }
    const links = there ? observed.links : [...observed.links, made]
    return change({ links: links.map((link) => (link.name === step.link ? { ...link, ...step.set } : link)) })
  }
  if (step.machine) {
    const machines = observed.machines.map((one) => (one.owner.name === step.machine ? { ...one, ...step.set } : one))
    return change({ machines })
  }
  if (step.rules) return change({ rules: { ...observed.rules, ...step.rules } })
  return change({ ...step.host })
}

describe('scenarios', () => {
  for (const file of readdirSync(folder).sort()) {
    const story = parse(readFileSync(join(folder, file), 'utf8')) as Scenario
    test(story.name, () => {
      const specs: Specs = {
        text: story.specs,
        revisions: story.revisions ?? {},
        missingFiles: story.missingFiles ?? [],
        deleted: story.deleted ?? [],
      }
      const before = story.ran === undefined ? emptyHost() : converge({ text: story.ran }, emptyHost())
      const host = (story.drift ?? []).reduce(drift, before)
      const { plan, resolved } = planOf(specs, host)
      const lines = plan.actions.map((action) => `${action.id} (${action.because})`)
      expect(lines).toEqual(story.plan)
      expect([...resolved.refusals, ...plan.refusals].map((one) => `${one.owner.name}: ${one.message}`)).toEqual(
        story.refusals ?? [],
      )
      expect(plan.waits.map((one) => `${one.owner.name}: ${one.message}`)).toEqual(story.waits ?? [])
      // What was under way comes to its end; then nothing may be left.
      converge(specs, { ...host, observed: { ...host.observed, inFlight: [] } })
    })
  }
})
