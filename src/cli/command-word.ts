/** The command that a command line names; null when it names none. `help run` names `run`. */
export function commandWord(argv: readonly string[]): string | null {
  let skip = false
  for (const word of argv) {
    if (skip) skip = false
    else if (word === '--root') skip = true
    else if (word !== 'help' && !word.startsWith('-')) return word
  }
  return null
}
