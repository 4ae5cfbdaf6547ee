// @ts-check
/** `npm test`: sets up, runs every suite, ends with the line `N passed, N failed` over all of them. */
import { ensureKubernetes } from './kubernetes-tools.mjs'
import { node24 } from './node24.mjs'
import { script } from './run.mjs'
import { ensureBuild, ensureGuest, ensureNode, ensurePackages } from './setup.mjs'
import { runSim } from './sim.mjs'
import { runSuite } from './suite.mjs'

/**
 * The pure suite once more, under Node 24. Where that cannot be had, its tests count as skipped; in continuous
 * integration (CI=true) as one that failed.
 *
 * @param {number} tests how many there are
 * @returns {Promise<import('./suite.mjs').Totals>}
 */
async function pureUnder24(tests) {
  const none = { passed: 0, failed: 0, skipped: 0 }
  if (process.versions.node.startsWith('24.')) return none
  try {
    const node = await node24()
    console.log('\nthe pure suite under Node 24')
    return await runSuite(quick, node)
  } catch (error) {
    console.log(`Node 24 could not be fetched, so the pure suite did not run under it: ${error}`)
    return process.env.CI === 'true' ? { ...none, failed: 1 } : { ...none, skipped: tests }
  }
}

/** What needs no namespace, and runs under both versions of Node. */
const quick = ['pure', 'processes', 'hostile']

/**
 * Seeds of a run of all tests: always the same ones, so that it fails only by what was changed; in continuous integration
 * (CI=true) as many as some minutes have room for. `npm run sim -- --minutes 5 --first N` looks for more.
 */
const share = ['--seeds', process.env.CI === 'true' ? '2000' : '300']

/**
 * The simulation, in memory: hosts and clusters of many seeds, and every crash point of every story. One test as a whole.
 *
 * @returns {Promise<import('./suite.mjs').Totals>}
 */
async function simulation() {
  console.log(`\nthe simulation and its crash points: npm run sim -- ${share.join(' ')}`)
  const code = await runSim(share)
  return { passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 }
}

/**
 * Hosts of a real control plane. Where that cannot be had, its tests count as skipped; in continuous integration (CI=true)
 * as one that failed.
 *
 * @param {Promise<Error | null>} tools why they cannot be had; null once they are there
 * @returns {Promise<import('./suite.mjs').Totals>}
 */
async function kubernetes(tools) {
  const problem = await tools
  if (problem !== null) {
    const why = problem.message
    console.log(`there is no control plane, so nothing was tried on one: ${why}`)
    if (process.env.CI === 'true') return { passed: 0, failed: 1, skipped: 0 }
    return runSuite(['kubernetes'], process.execPath, { MOORAGE_NO_CONTROL_PLANE: why })
  }
  console.log('\nhosts of a real control plane')
  return runSuite(['kubernetes'])
}

/** @returns {Promise<import('./suite.mjs').Totals>} over all suites */
async function runAll() {
  await ensurePackages()
  await ensureNode()
  await ensureBuild()
  await ensureGuest()
  // Minutes of a compiler, the first time: beside the tests, and behind them.
  const tools = ensureKubernetes().then(
    () => null,
    (/** @type {Error} */ error) => error,
  )
  const pure = await runSuite(quick)
  const under24 = await pureUnder24(pure.passed + pure.failed + pure.skipped)
  const suites = [pure, under24, await simulation(), await runSuite(['host']), await kubernetes(tools)]
  const sum = (/** @type {keyof import('./suite.mjs').Totals} */ key) =>
    suites.reduce((total, suite) => total + suite[key], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}

await script('test', async () => {
  const { passed, failed, skipped } = await runAll().catch((error) => {
    console.error(`test: ${error.message}`)
    return { passed: 0, failed: 1, skipped: 0 }
  })
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
  return failed > 0 ? 1 : 0
})
