import type { Command } from 'commander'
import { KINDS, kindNamed } from '../api/kinds.ts'
import type { ShownObject } from '../controller/control-wire.ts'
import { withDeadline } from '../world/deadline.ts'
import { openClient } from './client.ts'
import { commandWord } from './command-word.ts'
import { openContext } from './context.ts'
import { wholeProgram } from './program.ts'

/** Milliseconds; nobody waits for a completion. */
const deadline = 1000

/** `moorage __complete WORD...`: what may stand for the last word, one a line. Says nothing rather than fail. */
export async function complete(words: readonly string[]): Promise<number> {
  const found = await candidates(words).catch((): readonly string[] => [])
  const last = words.at(-1) ?? ''
  const fitting = [...new Set(found)].filter((candidate) => candidate.startsWith(last))
  process.stdout.write(fitting.map((candidate) => `${candidate}\n`).join(''))
  return 0
}

async function candidates(words: readonly string[]): Promise<readonly string[]> {
  const program = await wholeProgram()
  const [before, last] = [words.slice(0, -1), words.at(-1) ?? '']
  const name = commandWord(before)
  const command = program.commands.find((each) => each.name() === name)
  const [root, option] = [rootIn(before), valuesAfter([program, command], before.at(-1))]
  if (option !== null) return option
  if (last.startsWith('-')) return flagsOf(program, command)
  if (command === undefined) return [...program.commands.map((each) => each.name()), 'help']
  return argumentsOf(command, positionals(program, command, before), last, root)
}

/** What the arguments of a command may be, given those that stand before. */
async function argumentsOf(
  command: Command,
  before: readonly string[],
  last: string,
  root: string | undefined,
): Promise<readonly string[]> {
  switch (command.name()) {
    case 'get':
    case 'describe':
    case 'delete':
      if (before.length > 0) return before[0] === 'all' ? [] : namesOf(before[0] ?? '', root)
      return [...kindWords(), ...(command.name() === 'get' ? ['all'] : [])]
    case 'wait': {
      const [word = ''] = last.split('/')
      return last.includes('/') ? (await namesOf(word, root)).map((name) => `${word}/${name}`) : kindWords('/')
    }
    case 'schema':
      return KINDS.map(({ kind }) => kind)
    case 'completion':
      return ['bash', 'zsh', 'fish']
    case 'start':
    case 'stop':
    case 'restart':
    case 'logs':
    case 'console':
      return before.length > 0 ? [] : namesOf('MicroVM', root)
    default:
      return []
  }
}

function kindWords(end = ''): readonly string[] {
  return KINDS.map(({ kind }) => `${kind}${end}`)
}

async function namesOf(word: string, root: string | undefined): Promise<readonly string[]> {
  const kind = kindNamed(word)
  if (kind === undefined) return []
  const context = openContext(root)
  const ask: Promise<readonly ShownObject[]> = openClient(context).objects({ kind: kind.kind })
  const late = withDeadline(context.clock, deadline, null, (signal) => context.clock.sleep(deadline * 2, signal))
  const found = await Promise.race([ask, late])
  return (found ?? []).map(({ metadata }) => metadata.name)
}

/** The values that an option takes when it stands right before; null when none does. */
function valuesAfter(commands: readonly (Command | undefined)[], word: string | undefined): readonly string[] | null {
  const options = commands.flatMap((command) => command?.options ?? [])
  const option = options.find(({ long, short }) => word !== undefined && (word === long || word === short))
  if (option === undefined || !(option.required || option.optional)) return null
  return option.long === '--for' ? ['condition=Ready', 'delete'] : (option.argChoices ?? [])
}

function flagsOf(...commands: readonly (Command | undefined)[]): readonly string[] {
  return [...commands.flatMap((command) => command?.options.flatMap(({ long }) => long ?? []) ?? []), '--help']
}

/** The words that are arguments of the command: no command, no option, no value of one. */
function positionals(program: Command, command: Command, words: readonly string[]): readonly string[] {
  const plain = words.filter((word, index) => {
    return !word.startsWith('-') && valuesAfter([program, command], words[index - 1]) === null
  })
  return plain.slice(1)
}

function rootIn(words: readonly string[]): string | undefined {
  const at = words.indexOf('--root')
  return at < 0 ? words.find((word) => word.startsWith('--root='))?.slice('--root='.length) : words[at + 1]
}
