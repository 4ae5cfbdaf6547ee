// @ts-check
/** Bundles the command line: src/main.ts becomes dist/moorage.js, one ESM file that Node runs without node_modules. */
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
  const esbuild = await import('esbuild').catch(() => {
    throw new Error('esbuild is not installed; run: npm ci')
  })
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
}

if (process.argv[1] === import.meta.filename) await script('build', () => build())
