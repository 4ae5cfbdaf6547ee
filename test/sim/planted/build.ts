import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { BuildOptions, BuildResult, Plugin } from 'esbuild'
import type { Bug } from './bug.ts'

/** CommonJS packages in a bundle ask for Node's own modules by `require`, which an ES module does not have. */
const banner = `import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`

/** How often a bug's `find` stands in its file; anything but once is an error of the list. */
export function occurrences(checkout: string, { file, find }: Bug): number {
  return readFileSync(join(checkout, 'src', file), 'utf8').split(find).length - 1
}

/** Bundles the child with that one bug in it; null: with none. Throws what the compiler says. */
export async function buildChild(checkout: string, bug: Bug | null, outfile: string): Promise<void> {
  // It has a program of its own beside it, so it is no part of any bundle.
  const esbuild = createRequire(join(checkout, 'package.json'))('esbuild') as {
    build(options: BuildOptions): Promise<BuildResult>
  }
  await esbuild.build({
    entryPoints: [join(checkout, 'test/sim/planted/child.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    alias: { yaml: join(checkout, 'node_modules/yaml/browser/index.js') },
    banner: { js: banner },
    logLevel: 'silent',
    plugins: bug === null ? [] : [plant(checkout, bug)],
  })
}

function plant(checkout: string, { file, find, replace }: Bug): Plugin {
  const path = join(checkout, 'src', file)
  return {
    name: 'planted bug',
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, (args) => {
        if (args.path !== path) return undefined
        // As a function: a text would read `$` as a pattern.
        return { contents: readFileSync(path, 'utf8').replace(find, () => replace), loader: 'ts' }
      })
    },
  }
}
