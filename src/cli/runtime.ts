import { basename } from 'node:path'
import { foldersOf, nameLink, type Runtime, runtimeOf } from '../host/machine/runtime.ts'
import { FileError } from '../world/files.ts'
import { type Context, rootOption } from './context.ts'
import { Failure } from './failure.ts'

/** Machines of one host, at most. */
const most = 100_000

/**
 * The runtime folder of a MicroVM, found without a controller by the links that are there for people. Throws a
 * {@link Failure} when no VMM of it is there, or when the name stands in several namespaces.
 */
export async function findRuntime(context: Context, name: string, namespace: string | undefined): Promise<Runtime> {
  const { files, paths } = context
  const { byName } = foldersOf(paths.run)
  const links = await linksIn(context, byName)
  const found = links.filter((link) => link === `${namespace ?? link.split('.')[0]}.${name}`)
  const [first] = found
  if (first === undefined) {
    const where = `moorage describe MicroVM ${name}${rootOption(paths)}`
    throw new Failure(`no VM called ${name} was started here; see why with: ${where}`)
  }
  if (found.length > 1) {
    const places = found.map((link) => link.split('.')[0]).join(', ')
    throw new Failure(`${name} runs in several namespaces; add -n with one of ${places}`)
  }
  const target = await files.readLink(nameLink(paths.run, first))
  if (target === null) throw new Failure(`${name} has just gone`)
  return runtimeOf(paths.run, basename(target))
}

async function linksIn({ files, paths }: Context, folder: string): Promise<readonly string[]> {
  try {
    return (await files.list(folder, most)).map(({ name }) => name)
  } catch (error) {
    if (!(error instanceof FileError)) throw error
    if (error.code === 'ENOENT') return []
    if (error.code === 'EACCES') throw new Failure(`${paths.run} is root's; run this with sudo`)
    throw error
  }
}
