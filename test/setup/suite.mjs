// @ts-check
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inNamespace } from '../host/namespace.mjs'
import { checkout } from './paths.mjs'
import { run } from './run.mjs'

/** @typedef {{ passed: number, failed: number, skipped: number }} Totals */

/**
 * What a run came to, from vitest's JSON report. A file that could not be loaded holds no test and counts as one that
 * failed; so does a run without any test, and one that vitest itself calls failed for another reason.
 *
 * @param {string | undefined} report the JSON, when vitest wrote one
 * @param {number} code vitest's exit code
 * @returns {Totals & { why?: string }} `why` is set when something failed that is no test
 */
export function totalsOf(report, code) {
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0, why: 'vitest wrote no report' }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(report)
  const broken = testResults.filter(
    (/** @type {any} */ file) =>
      file.status === 'failed' && !file.assertionResults.some((/** @type {any} */ test) => test.status === 'failed'),
  ).length
  const totals = { passed: numPassedTests, failed: numFailedTests + broken, skipped: numPendingTests + numTodoTests }
  if (totals.failed > 0) return totals
  if (totals.passed + totals.skipped === 0) return { ...totals, failed: 1, why: 'there is no test in it' }
  if (code !== 0) return { ...totals, failed: 1, why: `vitest ended with exit code ${code}` }
  return totals
}

/** Projects that make links, rules and VMs. */
const apartOnes = ['host', 'kubernetes', 'kubelet']

/**
 * Runs projects of vitest.config.ts to their end, those of the host in namespaces of their own.
 *
 * @param {readonly string[]} projects
 * @param {string} [node] the Node to run it under
 * @param {NodeJS.ProcessEnv} [env] added to the environment
 * @returns {Promise<Totals>}
 */
export async function runSuite(projects, node = process.execPath, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'moorage-test-'))
  const file = join(folder, 'report.json')
  const vitest = join(checkout, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
  try {
    const argv = [node, vitest, 'run', ...projects.flatMap((one) => ['--project', one]), ...reporters]
    const apart = projects.some((one) => apartOnes.includes(one)) && process.getuid?.() === 0
    const code = await run(apart ? inNamespace(argv) : argv, { minutes: 60, env })
    const { why, ...totals } = totalsOf(read(file), code)
    if (why) console.log(`suite ${projects.join(' and ')}: ${why}`)
    return totals
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {string} file @returns {string | undefined} */
function read(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
