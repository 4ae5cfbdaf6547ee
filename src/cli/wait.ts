import type { Kind } from '../api/kinds.ts'
import type { ShownObject } from '../controller/control-wire.ts'
import { openClient } from './client.ts'
import { conditionOf, hasCondition } from './condition.ts'
import { parseDuration } from './duration.ts'
import { Failure } from './failure.ts'
import type { Page } from './page.ts'
import { progress } from './progress.ts'
import { kindOfWord, nameOf, parseTarget, scoped } from './target.ts'
import { until } from './until.ts'

interface WaitOptions {
  readonly for: string
  readonly timeout: string
  readonly namespace?: string
  readonly all?: boolean
}

/** What is waited for. */
type Wish = { readonly delete: true } | { readonly type: string; readonly status: string }

/** `moorage wait KIND/NAME... --for=condition=Ready`. */
export const wait: Page<[string[]], WaitOptions> = {
  define(command) {
    command
      .argument('<target...>', 'KIND/NAME, several of one kind; or KIND NAME...; or a KIND with --all')
      .requiredOption('--for <what>', 'condition=TYPE, condition=TYPE=STATUS or delete')
      .option('--timeout <time>', 'how long, as 60s or 5m', '60s')
      .option('-n, --namespace <namespace>', 'where they are; all namespaces when absent')
      .option('--all', 'every object of the kind, one at least')
      .addHelpText('after', '\nAn object that is not there yet is waited for as well.')
  },
  async run(context, [targets], options) {
    const wish = parseWish(options.for)
    const timeout = parseDuration(options.timeout)
    const { kind, names } = parseTargets(targets, options.all === true)
    const query = {
      kind: kind.kind,
      namespace: scoped(kind, options.namespace),
      name: names?.length === 1 ? names[0] : undefined,
    }
    let seen: readonly ShownObject[] = []
    const line = progress(context)
    const met = await until(context, openClient(context), query, timeout, (objects) => {
      seen = objects
      const open = missing(kind, names, objects, wish)
      line.show(open[0] ?? '')
      return open.length === 0
    }).finally(() => line.clear())
    if (!met) {
      const open = missing(kind, names, seen, wish)
      throw new Failure(open.map((sentence) => `waited ${options.timeout}; ${sentence}`))
    }
    for (const sentence of done(kind, names, seen, wish)) context.out(`${sentence}\n`)
    return 0
  },
}

/** `condition=Ready`, `condition=Ready=False`, `delete`. Throws a {@link Failure}. */
export function parseWish(text: string): Wish {
  if (text === 'delete') return { delete: true }
  const [word, type, status = 'True', ...rest] = text.split('=')
  if (word === 'condition' && type && status && rest.length === 0) return { type, status }
  throw new Failure(`--for=${text} is not known; write condition=Ready, condition=Ready=False or delete`)
}

function parseTargets(targets: readonly string[], all: boolean): { kind: Kind; names: readonly string[] | null } {
  const [first = '', ...rest] = targets
  if (all) {
    if (rest.length > 0 || first.includes('/')) throw new Failure('--all takes a KIND and no names')
    return { kind: kindOfWord(first), names: null }
  }
  if (!first.includes('/')) {
    if (rest.length === 0) throw new Failure(`name an object as ${first}/NAME, or add --all`)
    return { kind: kindOfWord(first), names: rest }
  }
  const parsed = targets.map(parseTarget)
  const kind = parsed[0]!.kind
  const other = parsed.find((one) => one.kind !== kind)
  if (other) throw new Failure(`wait for one kind at a time: ${kind.kind} and ${other.kind.kind} are two`)
  return { kind, names: parsed.map(({ name }) => name) }
}

/** Why it is not over yet, one sentence for each object; empty when it is. */
function missing(
  kind: Kind,
  names: readonly string[] | null,
  objects: readonly ShownObject[],
  wish: Wish,
): readonly string[] {
  const wanted = names === null ? objects : objects.filter(({ metadata }) => names.includes(metadata.name))
  if ('delete' in wish) return wanted.map((object) => `${nameOf(object)} is still there`)
  const absent = (names ?? []).filter((name) => !wanted.some(({ metadata }) => metadata.name === name))
  const open = wanted.filter((object) => !hasCondition(object, wish.type, wish.status))
  if (names === null && objects.length === 0) return [`there is no ${kind.kind}`]
  return [
    ...absent.map((name) => `there is no ${kind.kind} ${name}`),
    ...open.map((object) => `${nameOf(object)} ${stateOf(object, wish.type)}`),
  ]
}

function stateOf(object: ShownObject, type: string): string {
  const condition = conditionOf(object, type)
  if (condition === undefined) return `says nothing of ${type}`
  const { status, reason, message } = condition
  return `is ${condition.type}=${status} (${reason}: ${message})`
}

function done(
  kind: Kind,
  names: readonly string[] | null,
  objects: readonly ShownObject[],
  wish: Wish,
): readonly string[] {
  if ('delete' in wish) return (names ?? ['of that kind']).map((name) => `${kind.kind} ${name} is gone`)
  const wanted = names === null ? objects : objects.filter(({ metadata }) => names.includes(metadata.name))
  return wanted.map((object) => `${nameOf(object)} is ${wish.type}=${wish.status}`)
}
