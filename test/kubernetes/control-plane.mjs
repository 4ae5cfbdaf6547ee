// @ts-check
/** A real control plane of one: etcd, kube-apiserver and kube-controller-manager on loopback, in a folder of its own. */
import { spawn } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @typedef {object} ControlPlane
 * @property {string} folder everything it writes is here
 * @property {string} server `https://address:port`
 * @property {string} kubeconfig a file, of somebody who may do everything
 * @property {string} etcd `http://address:port` of its clients
 * @property {string} ca the file with the server's certificate
 * @property {(part: Part) => Promise<void>} kill kills one part, at once
 * @property {(part: Part) => Promise<void>} start starts it again and waits until it is ready
 * @property {(part: Part, signal: NodeJS.Signals) => void} signal e.g. SIGSTOP: it hangs
 * @property {() => Promise<void>} stop ends everything
 */

/** @typedef {'etcd' | 'apiserver' | 'controllers' | 'scheduler'} Part */

/**
 * @typedef {object} Options
 * @property {string} [address] where it listens besides 127.0.0.1, for network namespaces beside this one
 * @property {readonly string[]} [apiserver] more arguments of kube-apiserver
 * @property {Pods} [pods] what kubelets need as well; without it nothing runs pods
 */

/**
 * Every controller and admission plugin of Kubernetes, and a scheduler.
 *
 * @typedef {object} Pods
 * @property {string} scheduler the program
 * @property {Readonly<Record<string, string>>} nodes the token of each node's kubelet
 */

/** Milliseconds that a part may take to be ready; a busy machine takes its time. */
const patience = 120_000

/**
 * Starts one and waits until it is ready.
 *
 * @param {import('../setup/kubernetes-tools.mjs').Tools} tools
 * @param {string} folder empty
 * @param {Options} [options]
 * @returns {Promise<ControlPlane>}
 */
export async function startControlPlane(tools, folder, { address = '127.0.0.1', apiserver = [], pods } = {}) {
  const files = prepare(folder)
  const [client, peer, secure, controllers, scheduler] = await freePorts(5)
  const server = `https://${address}:${secure}`
  const etcd = `http://127.0.0.1:${client}`
  const token = randomBytes(16).toString('hex')
  const nodes = Object.entries(pods?.nodes ?? {}).map(([name, one]) => `${one},system:node:${name},${name},"system:nodes"\n`)
  writeFileSync(files.tokens, `${token},admin,admin,"system:masters"\n${nodes.join('')}`, { mode: 0o600 })
  const kubeconfig = join(folder, 'kubeconfig')
  /** @type {Record<Part, { argv: string[], ready: () => Promise<boolean> }>} */
  const parts = {
    etcd: {
      argv: [
        tools.etcd,
        ...['--name=etcd', `--data-dir=${folder}/etcd`, '--unsafe-no-fsync', '--log-level=error'],
        ...[`--listen-client-urls=${etcd}`, `--advertise-client-urls=${etcd}`],
        ...[`--listen-peer-urls=http://127.0.0.1:${peer}`, `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`],
        `--initial-cluster=etcd=http://127.0.0.1:${peer}`,
      ],
      ready: () => answers(`${etcd}/readyz`),
    },
    apiserver: {
      argv: [
        tools['kube-apiserver'],
        ...[`--etcd-servers=${etcd}`, `--cert-dir=${folder}/pki`, `--secure-port=${secure}`],
        ...[`--bind-address=${address === '127.0.0.1' ? address : '0.0.0.0'}`, `--advertise-address=${address}`],
        ...[`--token-auth-file=${files.tokens}`, '--service-cluster-ip-range=10.255.0.0/24'],
        ...(pods === undefined
          ? ['--authorization-mode=RBAC', '--disable-admission-plugins=ServiceAccount', '--endpoint-reconciler-type=none']
          : ['--authorization-mode=Node,RBAC', '--enable-admission-plugins=NodeRestriction', '--kubelet-preferred-address-types=InternalIP']),
        ...['--service-account-issuer=https://kubernetes.default.svc', `--service-account-key-file=${files.key}`],
        ...[`--service-account-signing-key-file=${files.key}`, '--watch-cache=true'],
        ...['--enable-priority-and-fairness=true', '--allow-privileged=true', '-v=0', ...apiserver],
      ],
      ready: () => allowed(tools, kubeconfig, '/readyz'),
    },
    controllers: {
      argv: [
        tools['kube-controller-manager'],
        ...[`--kubeconfig=${kubeconfig}`, '--leader-elect=false', `--secure-port=${controllers}`],
        ...['--bind-address=127.0.0.1', `--cert-dir=${folder}/pki-controllers`],
        ...(pods === undefined
          ? [
              '--controllers=garbage-collector-controller,namespace-controller,validatingadmissionpolicy-status-controller',
            ]
          : [`--root-ca-file=${folder}/pki/apiserver.crt`, `--service-account-private-key-file=${files.key}`]),
        ...['--use-service-account-credentials=false', '-v=0'],
      ],
      ready: async () => true,
    },
    scheduler: {
      argv: [
        pods?.scheduler ?? '',
        ...[`--kubeconfig=${kubeconfig}`, '--leader-elect=false', `--secure-port=${scheduler}`],
        ...['--bind-address=127.0.0.1', `--cert-dir=${folder}/pki-scheduler`, '-v=0'],
      ],
      ready: async () => true,
    },
  }
  /** @type {Map<Part, import('node:child_process').ChildProcess>} */
  const running = new Map()

  /** @param {Part} part */
  async function start(part) {
    const { argv, ready } = parts[part]
    const log = openSync(join(folder, `${part}.log`), 'a', 0o600)
    const [program = '', ...args] = argv
    const child = spawn(program, args, { stdio: ['ignore', log, log] })
    running.set(part, child)
    const until = Date.now() + patience
    while (!(await ready())) {
      const ended = child.exitCode !== null || child.signalCode !== null
      if (ended || Date.now() > until) throw new Error(`${part} ${ended ? 'ended' : 'is not ready'}:\n${tail(folder, part)}`)
      await sleep(100)
    }
  }

  /** @param {Part} part */
  async function kill(part) {
    const child = running.get(part)
    running.delete(part)
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((done) => child.once('exit', done))
    child.kill('SIGKILL')
    await gone
  }

  /** In the order in which they start. @type {readonly Part[]} */
  const order = ['etcd', 'apiserver', 'controllers', ...(pods === undefined ? [] : [/** @type {const} */ ('scheduler')])]
  const stop = async () => {
    for (const part of order.toReversed()) await kill(part)
  }
  const ca = join(folder, 'pki/apiserver.crt')
  writeFileSync(kubeconfig, kubeconfigOf({ server, ca, token }), { mode: 0o600 })
  try {
    for (const part of order) await start(part)
  } catch (error) {
    await stop()
    throw error
  }
  return { folder, server, etcd, kubeconfig, ca, start, kill, stop, signal: (part, signal) => running.get(part)?.kill(signal) }
}

/**
 * A kubeconfig as JSON, which is YAML.
 *
 * @param {{ server: string, ca: string, token?: string, tokenFile?: string }} access
 */
export function kubeconfigOf({ server, ca, token, tokenFile }) {
  return JSON.stringify({
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'moorage' },
    contexts: [{ name: 'moorage', context: { cluster: 'moorage', user: 'moorage' } }],
    clusters: [{ name: 'moorage', cluster: { server, 'certificate-authority': ca } }],
    users: [{ name: 'moorage', user: token === undefined ? { tokenFile } : { token } }],
  })
}

/** @param {string} folder */
function prepare(folder) {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = join(folder, 'service-account.key')
  writeFileSync(key, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
  return { key, tokens: join(folder, 'tokens.csv') }
}

/** @param {string} url */
async function answers(url) {
  return fetch(url, { signal: AbortSignal.timeout(2000) }).then(
    (reply) => reply.ok,
    () => false,
  )
}

/** @param {import('../setup/kubernetes-tools.mjs').Tools} tools @param {string} kubeconfig @param {string} path */
function allowed(tools, kubeconfig, path) {
  const child = spawn(tools.kubectl, ['--kubeconfig', kubeconfig, '--request-timeout=5s', 'get', '--raw', path], {
    stdio: 'ignore',
  })
  return /** @type {Promise<boolean>} */ (new Promise((done) => child.once('close', (code) => done(code === 0))))
}

/** @param {number} count @returns {Promise<number[]>} ports that were free a moment ago */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer()
      return /** @type {Promise<import('node:net').Server>} */ (
        new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)))
      )
    }),
  )
  const ports = servers.map((server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

/** @param {string} folder @param {Part} part */
function tail(folder, part) {
  return readFileSync(join(folder, `${part}.log`), 'utf8').slice(-3000)
}
