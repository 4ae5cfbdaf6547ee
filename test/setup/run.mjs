// @ts-check
import { execFile, spawn } from 'node:child_process'
import { promisify } from 'node:util'
import { checkout } from './paths.mjs'

/** Of a long text, in characters, where it begins (often why) and where it ends (often what). @param {string} text */
const shorten = (text) => (text.length <= 6000 ? text : `${text.slice(0, 2000)}\n…\n${text.slice(-2000)}`)

/** Between asking a program to end and killing it, ms. */
const grace = 10_000

/**
 * Runs a program in the checkout until it ends.
 *
 * @param {readonly string[]} argv the program and its arguments
 * @param {object} [options]
 * @param {number} [options.minutes] how long it may take; without it, as long as it likes
 * @param {boolean} [options.quiet] its output is kept, and shown only in the error; otherwise it goes to the terminal
 * @param {NodeJS.ProcessEnv} [options.env] added to the environment
 * @returns {Promise<number>} its exit code; a quiet program's is always 0
 * @throws when it cannot be started, is killed, takes too long or, if quiet, fails: one sentence, then its output
 */
export function run(argv, { minutes, quiet = false, env = {} } = {}) {
  const [program = '', ...args] = argv
  /** @type {import('node:child_process').SpawnOptions} */
  const options = {
    cwd: checkout,
    env: { ...process.env, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  }
  const child = spawn(program, args, options)
  const end = () => child.kill('SIGTERM')
  process.once('SIGTERM', end)
  let late = false
  const deadline = minutes && setTimeout(expire, minutes * 60_000)
  function expire() {
    late = end()
    setTimeout(() => child.kill('SIGKILL'), grace).unref()
  }
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output = shorten(output + text)
    })
  }
  return new Promise((done, fail) => {
    const wrong = (/** @type {string} */ how) => fail(new Error(`${argv.join(' ')} ${how}\n${output}`.trim()))
    child.on('error', (error) => wrong(`did not start: ${error.message}`))
    child.on('close', (code, signal) => {
      process.off('SIGTERM', end)
      clearTimeout(deadline)
      if (late) wrong(`took longer than ${minutes} minutes and was ended`)
      else if (code === null) wrong(`was ended by ${signal}`)
      else if (quiet && code !== 0) wrong(`failed with exit code ${code}`)
      else done(code)
    })
  })
}

/**
 * Runs a script's body. What it throws becomes one message on stderr and exit code 1, without a stack.
 *
 * @param {string} name the script's, to begin the message with
 * @param {() => Promise<number | void>} body answers the exit code
 */
export async function script(name, body) {
  // A terminal's Ctrl-C reaches the programs that were started too: they end first, then this one tells how.
  process.on('SIGINT', () => {})
  try {
    process.exitCode = (await body()) ?? 0
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  }
}

/** stdout of a program that succeeds within two minutes; throws with its stderr otherwise. @param {readonly string[]} argv @returns {Promise<string>} */
export async function output([program = '', ...args]) {
  const { stdout } = await promisify(execFile)(program, args, { cwd: checkout, timeout: 120_000, maxBuffer: 1 << 26 })
  return stdout
}
