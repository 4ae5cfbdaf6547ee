// @ts-check
/** Bundles the command line: src/main.ts becomes dist/moorage.js, an ESM file that Node runs without node_modules. */
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { bundle, checkout } from './paths.mjs'
import { script } from './run.mjs'

/** CommonJS packages in the bundle ask for Node's own modules by `require`, which an ES module does not have. */
const require = `import { createRequire as __createRequire } from 'node:module'
const require = __createRequire(import.meta.url)`

/**
 * @param {object} [options]
 * @param {string} [options.entry] default src/main.ts
 * @param {string} [options.outfile] default dist/moorage.js; replaced by rename
 * @param {string[]} [options.external] packages that are imported and not bundled
 * @throws one sentence, after the compiler's own messages, when the sources do not bundle
 */
export async function build({ entry = join(checkout, 'src/main.ts'), outfile = bundle, external = [] } = {}) {
  const speaks = await bundleFile({ entry, outfile, external })
  // Larger than everything else, and needed in a cluster only: loaded then, from beside the bundle.
  if (speaks)
    await bundleFile({ entry: join(checkout, cluster), outfile: join(dirname(outfile), clusterFile), external })
}

/** What speaks to clusters, and its file in the folder of a bundle. */
const cluster = 'src/world/linux/kubeconfig.ts'
const clusterFile = 'moorage-kubeconfig.js'

/**
 * @param {{ entry: string, outfile: string, external: string[] }} files
 * @returns {Promise<boolean>} whether it asks for {@link cluster}
 */
async function bundleFile({ entry, outfile, external }) {
  const esbuild = await import('esbuild').catch(() => {
    throw new Error('esbuild is not installed; run: npm ci')
  })
  let speaks = false
  /** @type {import('esbuild').Plugin} */
  const clusterApart = {
    name: 'what speaks to clusters stays apart',
    setup({ onResolve }) {
      onResolve({ filter: /\/kubeconfig\.ts$/ }, ({ kind }) => {
        if (kind !== 'dynamic-import') return null
        speaks = true
        return { path: `./${clusterFile}`, external: true }
      })
    },
  }
  const hashbang = readFileSync(entry, 'utf8').startsWith('#!') ? '' : '#!/usr/bin/env node\n'
  const result = await esbuild
    .build({
      entryPoints: [entry],
      outfile,
      external,
      bundle: true,
      write: false,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      // Its build for Node asks the environment about each token.
      alias: { yaml: join(checkout, 'node_modules/yaml/browser/index.js') },
      banner: { js: hashbang + require },
      plugins: [clusterApart],
      logLevel: 'silent',
    })
    .catch(async (/** @type {import('esbuild').BuildFailure} */ failure) => {
      const errors = failure.errors ?? []
      const lines = await esbuild.formatMessages(errors, { kind: 'error', color: process.stderr.isTTY ?? false })
      console.error(lines.join(''))
      const count = errors.length === 0 ? failure.message : `${errors.length} error(s), shown above`
      throw new Error(`${entry} does not bundle: ${count}`)
    })
  mkdirSync(dirname(outfile), { recursive: true })
  const fresh = `${outfile}.${process.pid}`
  writeFileSync(fresh, result.outputFiles[0]?.contents ?? '')
  chmodSync(fresh, 0o755)
  renameSync(fresh, outfile)
  return speaks
}

if (process.argv[1] === import.meta.filename) await script('build', () => build())
