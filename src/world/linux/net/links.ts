import type { RootIdentity } from '../../../ledger.ts'
import type { Process } from '../../process.ts'
import { listLinks, runLines } from './ip.ts'
import type { PlainLink } from './ip-parse.ts'
import { type Doomed, deviceOf, doomedGroup, type IpLine, linesOf, removalLines } from './ip-render.ts'
import { explain, type LinkOperation, refuse } from './link-operation.ts'
import type { Indexed, Outcomes } from './outcome.ts'

/**
 * Carries out link operations. All go to one ip(8) that stops at its first failure, so that nothing is done to a link
 * that somebody else has made under a name of ours. What is left then goes in waves past all failures, in no wave a
 * line about a link that is made in it.
 */
export async function commitLinks(
  run: Process['run'],
  root: RootIdentity,
  operations: Indexed<LinkOperation>,
  outcomes: Outcomes,
  signal: AbortSignal,
): Promise<void> {
  for (const [index, operation] of operations) {
    const why = refuse(operation)
    if (why !== null) outcomes.fail(index, why)
  }
  const sound = [...operations].filter(([index]) => !outcomes.failed(index))
  const removes = sound.some(([, { op }]) => op === 'removeLink')
  let pending = render(root, sound, removes ? await listLinks(run, signal) : [])
  const missing: Missing = new Map()
  for (let force = false; pending.length > 0; force = true) {
    const wave = force ? takeWave(pending) : pending
    const lines = wave.map(({ text }) => text)
    const { failures, done } = await runLines(run, lines, force, signal)
    for (const [number, words] of failures) judge(wave[number]!, words, operations, outcomes, missing)
    const over = new Set(wave.slice(0, done))
    pending = pending.filter((line) => !over.has(line) && isWorthwhile(line, missing, outcomes))
  }
}

/** Names of links to which nothing more is done, with what they could not be. */
type Missing = Map<string, IpLine['vital']>

/** All lines, in the order of the operations; removals that stand together go together. */
function render(
  root: RootIdentity,
  operations: readonly (readonly [number, LinkOperation])[],
  links: readonly PlainLink[],
): readonly IpLine[] {
  const names = new Set(links.map(({ name }) => name))
  const indexes = new Map(links.map(({ name, index }) => [name, index]))
  const group = doomedGroup(root.group, new Set(links.map((link) => link.group)))
  const lines: IpLine[] = []
  const doomed: Doomed[] = []
  const flush = () => lines.push(...removalLines(doomed.splice(0), group))
  for (const [place, operation] of operations) {
    if (operation.op !== 'removeLink') {
      flush()
      lines.push(...linesOf(place, operation))
    } else if (indexes.get(operation.name) === operation.index) {
      doomed.push({ operation: place, name: operation.name, device: deviceOf(operation.name, operation.index, names) })
    }
  }
  flush()
  return lines
}

/** Lines that can go together: none behind one that is vital to its link, none before an earlier one about its link. */
function takeWave(pending: readonly IpLine[]): readonly IpLine[] {
  const later = new Set<string>()
  return pending.filter((line) => {
    const waits = line.touches.some((name) => later.has(name))
    if (waits || line.vital !== null) for (const name of line.touches) later.add(name)
    return !waits
  })
}

function judge(
  line: IpLine,
  words: string,
  operations: Indexed<LinkOperation>,
  outcomes: Outcomes,
  missing: Missing,
): void {
  if (line.forgives?.test(words)) return
  if (line.vital !== null) for (const name of line.touches) missing.set(name, line.vital)
  for (const place of line.operations) outcomes.fail(place, explain(operations.get(place)!, words))
}

/** False for what would be done to a link that is not ours, or outside our group, and for the rest of what has failed. */
function isWorthwhile(line: IpLine, missing: Missing, outcomes: Outcomes): boolean {
  const lacks = line.touches.find((name) => missing.has(name))
  if (lacks !== undefined) {
    for (const place of line.operations) {
      if (!outcomes.failed(place)) outcomes.fail(place, `not tried: ${lacks} could not be ${missing.get(lacks)}`)
    }
  }
  return line.operations.some((place) => !outcomes.failed(place))
}
