/** How far a batch of ip(8) came and what went wrong. */
export interface BatchReport {
  /** What ip says, by number of the line, from 0. */
  readonly failures: ReadonlyMap<number, string>
  /** Lines that it came to, from the first: the rest is untouched. */
  readonly done: number
}

/**
 * Reads stderr of `ip -batch -`: what failed, then `Command failed -:LINE`. Words after the last such line belong to a
 * line at which ip ended without naming it, which for a master that is not there it does even with `-force`: the first
 * that speaks of the argument it complains of. Throws a sentence when it cannot be told.
 */
export function readFailures(stderr: string, lines: readonly string[], force: boolean): BatchReport {
  const failures = new Map<number, string>()
  let words: string[] = []
  let last = -1
  for (const line of stderr.split('\n').filter((one) => one.trim() !== '' && !one.startsWith('Warning:'))) {
    const number = /^Command failed .*:(\d+)$/.exec(line)?.[1]
    if (number === undefined) {
      words.push(line.trim())
      continue
    }
    last = Number(number) - 1
    failures.set(last, tidy(words))
    words = []
  }
  if (words.length === 0) {
    if (last === -1) throw new Error('ip failed without a word; see whether something ended it')
    return { failures, done: force ? lines.length : last + 1 }
  }
  const argument = /argument "(.*)" is wrong/.exec(words.join(' '))?.[1] ?? ''
  const ended = lines.findIndex((line, index) => index > last && line.split(' ').includes(argument))
  if (ended === -1) throw new Error(`ip ended without saying at which change: ${tidy(words)}`)
  failures.set(ended, tidy(words))
  return { failures, done: ended + 1 }
}

function tidy(words: readonly string[]): string {
  return words
    .map((line) => line.replace(/^(Error|RTNETLINK answers|ioctl\(TUNSETIFF\)): /, '').replace(/\.$/, ''))
    .join(', ')
}
