// @ts-check
/**
 * Runs a program in network, mount and process namespaces of its own, with a TUN device that every user may open:
 *
 *   node test/host/namespace.mjs PROGRAM [ARGUMENT...]
 *
 * Whatever it does to links, rules and /dev/net ends with it, and so does every process that it leaves behind. The
 * environment says MOORAGE_TEST_NAMESPACE=1 inside. Needs root.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const self = fileURLToPath(import.meta.url)

/** Processes end with the namespace, which ends with whoever made it; /proc shows only its own. */
const unshare = [
  'setpriv',
  '--pdeathsig',
  'KILL',
  'unshare',
  '--net',
  '--mount',
  '--propagation',
  'private',
  '--pid',
  '--fork',
  '--kill-child',
  '--mount-proc',
]

/** @param {readonly string[]} argv @returns {readonly string[]} what runs it inside */
export function inNamespace(argv) {
  return [process.execPath, self, ...argv]
}

/** @param {readonly string[]} argv @param {NodeJS.ProcessEnv} [env] @returns {number} exit code */
function run(argv, env = {}) {
  const [program = '', ...rest] = argv
  const { status, error, signal } = spawnSync(program, rest, { stdio: 'inherit', env: { ...process.env, ...env } })
  if (error) throw new Error(`${program} could not be run: ${error.message}`)
  return status ?? (signal ? 128 : 1)
}

/** @param {readonly string[]} argv */
function must(argv) {
  if (run(argv) !== 0) throw new Error(`${argv.join(' ')} failed; are you root?`)
}

/** /dev/net/tun is 0666 where udev runs and 0600 in many containers. */
function prepare() {
  must(['ip', 'link', 'set', 'dev', 'lo', 'up'])
  must(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=755', 'tun', '/dev/net'])
  must(['mknod', '-m', '666', '/dev/net/tun', 'c', '10', '200'])
}

if (process.argv[1] === self) {
  const argv = process.argv.slice(2)
  const inside = process.env.MOORAGE_TEST_NAMESPACE === 'entering'
  if (inside) prepare()
  process.exitCode = inside
    ? run(argv, { MOORAGE_TEST_NAMESPACE: '1' })
    : run([...unshare, '--', ...inNamespace(argv)], { MOORAGE_TEST_NAMESPACE: 'entering' })
}
