import { build } from 'esbuild'

/** Makes one plain module of a file of src/world/linux, for a bare node that a test starts and kills. */
export async function bundle(source: string, outfile: string): Promise<void> {
  const entryPoints = [new URL(`../../src/world/linux/${source}`, import.meta.url).pathname]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
}
