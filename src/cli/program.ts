import { Command } from 'commander'
import manifest from '../../package.json' with { type: 'json' }
import { commandWord } from './command-word.ts'
import { type Entry, entries } from './commands.ts'
import { openContext } from './context.ts'
import type { Page } from './page.ts'

/** The command line with the page of the one command that `argv` names; the others stand in it by name only. */
export async function programFor(argv: readonly string[]): Promise<Command> {
  const word = commandWord(argv)
  return build((entry) => entry.name === word)
}

/** The command line with every page, for completion and for whoever writes documentation. */
export function wholeProgram(): Promise<Command> {
  return build(() => true)
}

async function build(isNeeded: (entry: Entry) => boolean): Promise<Command> {
  const program = new Command('moorage')
    .description('A reconciliation controller for MicroVMs: YAML in a directory, real VMs on the host, kept that way.')
    .option('--root <dir>', 'keep everything of this controller below a folder instead of /')
    .version(manifest.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: true, subcommandTerm: (command) => command.name() })
    .configureOutput({ outputError: (text, write) => write(oneSentence(text)) })
    .exitOverride()
  for (const entry of entries) {
    const command = program.command(entry.name).summary(entry.summary).description(sentence(entry.summary))
    if (isNeeded(entry)) add(program, command, await entry.load())
  }
  return program
}

function add(program: Command, command: Command, page: Page): void {
  page.define(command)
  command.action(async () => {
    const { root } = program.opts<{ root?: string }>()
    process.exitCode = await page.run(openContext(root), command.processedArgs, command.opts())
  })
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`
}

/** What commander says of a wrong call, as everything else here is said. */
function oneSentence(text: string): string {
  const said = text
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*?)\?\)$/, '; did you mean $1?')
    .replaceAll(/\s*\n\s*/g, ' ')
  return `moorage: ${said}\n`
}
