// @ts-check
/**
 * `node test/setup/kubernetes-host.mjs NAME`: a host of the cluster that KUBECONFIG names, with a root directory, a network
 * namespace and an identity of its own, until Ctrl-C. Its way to an API server on loopback is a Unix socket, so that no
 * link of the machine is needed.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kubeconfigOf } from '../kubernetes/control-plane.mjs'
import { ensureKubernetes } from './kubernetes-tools.mjs'
import { bundle } from './paths.mjs'
import { output, run, script } from './run.mjs'
import { ensureBuild, ensureGuest, ensureNode, ensurePackages } from './setup.mjs'

const inside = '--inside'
const [first = '', ...rest] = process.argv.slice(2)
const images = '/var/lib/moorage/images/bootstrap'
const files = ['vmlinuz', 'initrd', 'root.erofs']
await script('kubernetes-host', () => (first === inside ? live(rest) : begin(first)))

/** Makes root directory, identity and namespace, and the relay to the server. @param {string} name */
async function begin(name) {
  const { KUBECONFIG: kubeconfig = '' } = process.env
  if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name) || !existsSync(kubeconfig)) {
    throw new Error('name the host, e.g. node-a, and set KUBECONFIG as npm run kubernetes says')
  }
  if (process.getuid?.() !== 0) throw new Error('network namespaces take root')
  await ensurePackages()
  await ensureNode()
  await ensureBuild()
  const guest = await ensureGuest()
  const tools = await ensureKubernetes()
  const root = mkdtempSync(`/tmp/moorage-${name}-`)
  try {
    chmodSync(root, 0o711)
    const folders = ['etc/moorage', images].map((path) => join(root, path))
    for (const folder of folders) mkdirSync(folder, { recursive: true, mode: 0o755 })
    for (const file of files) cpSync(join(guest, file), join(root, images, file))
    const kubectl = [tools.kubectl, '--kubeconfig', kubeconfig, '-n', 'moorage-hosts']
    await run([...kubectl, 'create', 'serviceaccount', name], { quiet: true }).catch((/** @type {Error} */ error) => {
      if (!error.message.includes('already exists')) throw error
    })
    const token = (await output([...kubectl, 'create', 'token', name, '--duration=24h'])).trim()
    const { server, 'certificate-authority': ca } = JSON.parse(readFileSync(kubeconfig, 'utf8')).clusters[0].cluster
    const own = join(root, 'etc/moorage/kubeconfig')
    writeFileSync(own, kubeconfigOf({ server, ca, token }), { mode: 0o600 })
    const example = join(dirname(dirname(kubeconfig)), 'vms.yaml')
    writeFileSync(example, vms(guest))
    const { hostname, port } = new URL(server)
    await relay({ path: join(root, 'api.sock') }, { host: hostname, port: Number(port) })
    console.log(
      `host ${name} lives in ${root}. VMs to begin with, in another terminal:\n\n  kubectl apply -f ${example}\n`,
    )
    const unshare = ['unshare', '--net', '--mount', '--propagation', 'private', process.execPath]
    return await run([...unshare, import.meta.filename, inside, root, name, hostname, port])
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 })
    process.nextTick(() => process.exit())
  }
}

/** In the namespace: the other end of the relay and the agent. @param {string[]} args */
async function live([root = '', name = '', host = '', port = '']) {
  const tun = join(root, 'tun')
  const steps = [
    ['mount', '-t', 'sysfs', 'sysfs', '/sys'],
    ['ip', 'link', 'set', 'dev', 'lo', 'up'],
    ['ip', 'link', 'add', 'dev', 'uplink', 'type', 'veth', 'peer', 'name', 'world'],
    ['ip', 'link', 'set', 'dev', 'world', 'up'],
    ['ip', 'address', 'add', '198.51.100.2/24', 'dev', 'uplink'],
    ['ip', 'link', 'set', 'dev', 'uplink', 'up'],
    ['ip', 'route', 'add', 'default', 'via', '198.51.100.1'],
    // As udev makes it: everybody may open it, and only the owner of a TAP may attach.
    ['mknod', '-m', '666', tun, 'c', '10', '200'],
    ['mount', '--bind', tun, '/dev/net/tun'],
  ]
  for (const step of steps) await run(step, { minutes: 1, quiet: true })
  await relay({ host, port: Number(port) }, { path: join(root, 'api.sock') })
  const kubeconfig = join(root, 'etc/moorage/kubeconfig')
  const args = ['run', '--kubernetes', '--kubeconfig', kubeconfig, '--node', name, '--root', root]
  const agent = spawn(process.execPath, [bundle, ...args], { stdio: 'inherit', detached: true })
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.once(signal, () => agent.kill('SIGTERM'))
  console.log(
    `its agent is process ${agent.pid}: kill -STOP ${agent.pid} makes it silent, kill -CONT ${agent.pid} heard again`,
  )
  const code = await new Promise((done) => agent.once('exit', (code) => done(code ?? 1)))
  for (const pid of readdirSync('/proc').filter((pid) => /^\d+$/.test(pid))) {
    try {
      // Only a VMM of this root has this folder in its argv.
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(root, 'run/moorage/vms'))) {
        process.kill(Number(pid), 'SIGKILL')
      }
    } catch {}
  }
  await sleep(300)
  process.exit(code)
}

/**
 * Carries each connection to another place.
 *
 * @param {import('node:net').ListenOptions} from
 * @param {import('node:net').NetConnectOpts} to
 */
function relay(from, to) {
  const server = createServer((socket) => {
    const other = connect(to)
    socket.pipe(other).pipe(socket)
    socket.on('error', () => other.destroy()).on('close', () => other.destroy())
    other.on('error', () => socket.destroy()).on('close', () => socket.destroy())
  })
  return /** @type {Promise<void>} */ (
    new Promise((done, fail) => {
      server.once('error', fail).listen(from, done)
    })
  )
}

/** A tenant, a network, an image whose files are told by their digests, as a cluster needs, and two VMs. @param {string} guest */
function vms(guest) {
  const [kernel, initrd, root] = files.map((file) => {
    const sha256 = createHash('sha256')
      .update(readFileSync(join(guest, file)))
      .digest('hex')
    return `{ path: ${images}/${file}, sha256: ${sha256} }`
  })
  const vm = (/** @type {string} */ name) => `---
apiVersion: moorage.dev/v1alpha1
kind: MicroVM
metadata: { name: ${name}, labels: { app: web } }
spec:
  vcpu: 1
  memory: 256Mi
  image: { name: bootstrap }
  interfaces: [{ name: eth0, network: { name: web } }]
  readiness: { tcpSocket: { port: 22 } }
`
  return `apiVersion: moorage.dev/v1alpha1
kind: MicroVMTenant
metadata: { name: default }
spec:
  networks: [{ name: web }]
  images: [bootstrap]
  quota: { microVMs: 10, memory: 4Gi }
---
apiVersion: moorage.dev/v1alpha1
kind: MicroVMNetwork
metadata: { name: web }
spec: { subnet: 10.30.0.0/24, nat: true }
---
apiVersion: moorage.dev/v1alpha1
kind: MicroVMImage
metadata: { name: bootstrap }
spec:
  architecture: amd64
  cmdline: console=ttyS0 quiet net.ifnames=0 systemd.firstboot=0
  source:
    hostPath:
      kernel: ${kernel}
      initrd: ${initrd}
      root: ${root?.replace(' }', ', format: raw }')}
${vm('web1')}${vm('web2')}`
}
