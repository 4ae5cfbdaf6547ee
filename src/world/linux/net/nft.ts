import { halfOfTables } from '../../../host-state.ts'
import type { RootIdentity } from '../../../ledger.ts'
import type { Process } from '../../process.ts'
import { tableName, tablesLine } from './nft-chains.ts'
import { type Listing, parseListing } from './nft-parse.ts'

/** Milliseconds for one nft(8); 1000 elements take some 10. */
const timeout = 15_000

/** Bytes of a listing; an element is some 50. */
const limit = 64 << 20

type Run = Process['run']

/**
 * nft(8) as an interactive shell fed by a pipe: each line is a command of its own with a cache of its own. Given several
 * `list` commands at once nft 1.0.6 lists only what the last one filters for, and `list ruleset` reads everybody's sets,
 * which takes 180 ms with a blocklist of 50,000 addresses where this takes 4. It would write a history into HOME.
 */
const shell = ['env', 'HOME=/dev/null', 'TERM=dumb', 'nft', '-j', '-i']

/** Carries out, or with `trial` only tries, one transaction; null when it is accepted, else what nft says about it. */
export async function transact(
  run: Run,
  text: string,
  signal: AbortSignal,
  { trial = false }: { trial?: boolean } = {},
): Promise<string | null> {
  const argv = ['nft', ...(trial ? ['-c'] : []), '-f', '-']
  const { code, stderr } = await run({ argv, stdin: text, timeout }, signal)
  return code === 0 ? null : words(stderr)
}

/** What is there of our tables. Throws a sentence when it cannot be read. */
export async function list(run: Run, root: RootIdentity, signal: AbortSignal): Promise<Listing> {
  return parseListing(root, await shellOut(run, shell, listCommands(root), signal))
}

/**
 * The digest that our tables have on this kernel with this nft: they are loaded fresh into a network namespace that
 * ends with the process. Throws when this process may not make one.
 */
export async function referenceDigest(run: Run, root: RootIdentity, signal: AbortSignal): Promise<string> {
  const commands = [tablesLine(root), ...listCommands(root)]
  const { chains } = parseListing(root, await shellOut(run, ['unshare', '--net', ...shell], commands, signal))
  if (chains === null || chains === halfOfTables)
    throw new Error('our nftables tables could not be loaded into an empty network namespace')
  return chains
}

function listCommands(root: RootIdentity): readonly string[] {
  return [`list table bridge ${tableName(root)}`, `list table inet ${tableName(root)}`, 'list chains']
}

/** A table that is missing is no error, and the only thing that is none. */
async function shellOut(run: Run, argv: readonly string[], commands: readonly string[], signal: AbortSignal) {
  const { code, stdout, stderr } = await run({ argv, stdin: `${commands.join('\n')}\n`, timeout, limit }, signal)
  const complaints = stderr.split('\n').filter((line) => /\bError:/.test(line))
  const serious = complaints.find((line) => !line.includes('Error: No such file or directory'))
  if (serious !== undefined || code !== 0) {
    throw new Error(`nft cannot list the rules of this host: ${serious ?? words(stderr)}; it needs root and nftables`)
  }
  return stdout
}

/** The first complaint, without the place in our input. */
function words(stderr: string): string {
  const line = stderr.split('\n').find((one) => one.trim() !== '') ?? 'it says nothing'
  return line.replace(/^\S*:\d+:\d+-\d+: /, '').replace(/^Error: /, '')
}
