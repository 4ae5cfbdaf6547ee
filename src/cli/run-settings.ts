import { availableParallelism, hostname } from 'node:os'
import { resolve } from 'node:path'
import { type Config, readConfig } from '../controller/config.ts'
import type { Context } from './context.ts'
import { Failure } from './failure.ts'

/** What a controller is told once. */
export interface Settings {
  readonly config: Config
  readonly manifests: string
  readonly nodeName: string
  readonly starts: number
}

/** Reads the settings; a file that was asked for by name has to be there. */
export async function settingsOf(
  { files, paths }: Pick<Context, 'files' | 'paths'>,
  { config, manifests }: { readonly config?: string; readonly manifests?: string },
): Promise<Settings> {
  const path = config === undefined ? paths.config : resolve(config)
  if (config !== undefined && (await files.statFollowing(path)) === null)
    throw new Failure(`${config} is not there; leave --config out to run with defaults`)
  const settings = await readConfig(files, path)
  return {
    config: settings,
    manifests: manifests === undefined ? paths.manifests : resolve(manifests),
    nodeName: hostname(),
    starts: settings.starts ?? availableParallelism(),
  }
}
