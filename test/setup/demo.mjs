// @ts-check
/**
 * The demonstration: runs inside a network and mount namespace of its own (see start.mjs), on a root directory of its
 * own, and does with the command line what a user would do. `--demo` also plays the steps and checks each.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const checkout = resolve(import.meta.dirname, '../..')
const moorage = join(checkout, 'dist/moorage.js')
const guest = process.env.MOORAGE_GUEST ?? join(checkout, '.cache/guest')
const plays = process.argv.includes('--demo')
const root = mkdtempSync('/tmp/moorage-')
const manifests = join(root, 'etc/moorage/manifests')
const logFile = join(root, 'moorage.log')
/** Guests are emulated where KVM does not work, seven at a time: patience, seconds. */
const patience = 600

/** @param {string} line */
const say = (line) => console.log(line)

/**
 * One command of ours on the demonstration's root.
 * @param {string[]} args
 * @returns {string} what it printed
 */
function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [moorage, ...args, '--root', root], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  if (status !== 0 && status !== 2)
    throw new Error(`moorage ${args.join(' ')} ended with ${status}: ${stderr || stdout}`)
  return stdout
}

/** @param {string} name */
const get = (name) => JSON.parse(run('get', 'MicroVM', name, '-o', 'json'))

/**
 * Waits until something holds; fails when it does not within `seconds`.
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} holds
 * @param {number} [seconds]
 */
async function until(what, holds, seconds = patience) {
  const from = Date.now()
  while (
    !(await Promise.resolve()
      .then(holds)
      .catch(() => false))
  ) {
    if (Date.now() - from > seconds * 1000)
      throw new Error(`${what}: did not happen within ${seconds} s; see ${logFile}`)
    await sleep(100)
  }
  return Date.now() - from
}

/** True when the guest takes a TCP connection. @param {string} host @param {number} port @returns {Promise<boolean>} */
function reaches(host, port) {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: 1000 })
    const end = (/** @type {boolean} */ answer) => {
      socket.destroy()
      done(answer)
    }
    socket
      .on('connect', () => end(true))
      .on('error', () => end(false))
      .on('timeout', () => end(false))
  })
}

/** @param {any} vm @param {string} type */
const condition = (vm, type) => vm.status?.conditions?.find((/** @type {any} */ one) => one.type === type)?.status
/** @param {string} name */
const isReady = (name) => condition(get(name), 'Ready') === 'True'
/** @param {string} name */
const pidOf = (name) => get(name).status?.hypervisor?.pid

/** @param {string} program @param {string[]} args */
const sh = (program, ...args) => execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

function prepare() {
  // A namespace begins with nothing but a loopback that is down; one end of a veth pair stands in for the uplink.
  sh('ip', 'link', 'set', 'dev', 'lo', 'up')
  sh('ip', 'link', 'add', 'dev', 'uplink', 'type', 'veth', 'peer', 'name', 'world')
  sh('ip', 'link', 'set', 'dev', 'world', 'up')
  sh('ip', 'address', 'add', '198.51.100.2/24', 'dev', 'uplink')
  sh('ip', 'link', 'set', 'dev', 'uplink', 'up')
  sh('ip', 'route', 'add', 'default', 'via', '198.51.100.1')
  if ((statSync('/dev/net/tun').mode & 0o006) !== 0o006) {
    // As udev makes it: everybody may open it, and only the owner of a TAP may attach. Here alone, by a mount of ours.
    const node = join(root, 'tun')
    sh('mknod', node, 'c', '10', '200')
    chmodSync(node, 0o666)
    sh('mount', '--bind', node, '/dev/net/tun')
  }
  chmodSync(root, 0o755)
  const image = join(root, 'var/lib/moorage/images/bootstrap')
  mkdirSync(image, { recursive: true, mode: 0o755 })
  mkdirSync(manifests, { recursive: true })
  for (const file of ['vmlinuz', 'initrd', 'root.erofs']) {
    cpSync(join(guest, file), join(image, file))
    chmodSync(join(image, file), 0o644)
  }
  for (const file of readdirSync(join(checkout, 'examples'))) {
    if (file.endsWith('.yaml')) cpSync(join(checkout, 'examples', file), join(manifests, file))
  }
}

/** Lines of a guest's console that tell of its credentials. @param {string} name */
const credentialLines = (name) =>
  run('logs', name)
    .split(/\r?\n/)
    .filter((line) => /moorage-guest: credential/.test(line))

/** @param {string} file @param {(text: string) => string} change */
function edit(file, change) {
  const path = join(manifests, file)
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  if (after === before) throw new Error(`nothing to edit in ${file}`)
  writeFileSync(path, after)
}

const steps = [
  {
    say: 'a TAP is deleted under a running VM: ip link del dev vm-slot1',
    async play() {
      const pid = pidOf('slot1')
      sh('ip', 'link', 'del', 'dev', 'vm-slot1')
      const back = await until('the TAP is back', () => existsSync('/sys/class/net/vm-slot1'), 10)
      const flows = await until('traffic flows again', () => reaches('10.1.0.2', 22), 60)
      const same = pidOf('slot1') === pid
      return `TAP back after ${back} ms, traffic after ${flows} ms more, VM ${same ? 'not restarted' : 'restarted'}`
    },
  },
  {
    say: 'all firewall rules are flushed: nft flush ruleset',
    async play() {
      sh('nft', 'flush', 'ruleset')
      return `rules back after ${await until('the rules are back', () => sh('nft', 'list', 'ruleset').includes('vm-slot1'), 10)} ms`
    },
  },
  {
    say: 'a VMM is killed: kill -9',
    async play() {
      const pid = pidOf('slot2')
      process.kill(pid, 'SIGKILL')
      await until('another one runs', () => pidOf('slot2') > 0 && pidOf('slot2') !== pid)
      return `ready again after ${await until('it is ready', () => isReady('slot2'))} ms`
    },
  },
  {
    say: 'a VM gets more memory: slot3 in five-slots.yaml, 256Mi -> 288Mi',
    async play() {
      const pid = pidOf('slot3')
      edit('five-slots.yaml', (text) => text.replace(/(name: slot3\n(?:(?!---)[\s\S])*?memory: )256Mi/, '$1288Mi'))
      await until('another one runs', () => pidOf('slot3') > 0 && pidOf('slot3') !== pid)
      const took = await until('it is ready', () => isReady('slot3'))
      const { reason } = get('slot3').status.restarts.last
      if (reason !== 'SpecChanged') throw new Error(`restarted for ${reason}`)
      return `ready again after ${took} ms, reason ${reason}`
    },
  },
  {
    say: 'a secret is rotated: api-key in app.yaml',
    async play() {
      const pid = pidOf('app')
      edit('app.yaml', (text) => text.replace(/api-key: not-a-real.*/, 'api-key: another-made-up-value-and-longer'))
      await until('another one runs', () => pidOf('app') > 0 && pidOf('app') !== pid)
      await until('it is ready', () => isReady('app'))
      const told = () => credentialLines('app').find((line) => line.includes('API-KEY 32 bytes'))
      await until('the guest tells', () => told() !== undefined, 60)
      const { reason } = get('app').status.restarts.last
      if (reason !== 'SecretRotated') throw new Error(`restarted for ${reason}`)
      return `reason ${reason}; ${told()?.trim()}`
    },
  },
  {
    say: 'a manifest is deleted: oem-strings.yaml',
    async play() {
      const name = JSON.parse(run('get', 'MicroVM', '-o', 'json')).items.find(
        (/** @type {any} */ vm) => vm.spec.oemStrings,
      )?.metadata.name
      rmSync(join(manifests, 'oem-strings.yaml'))
      const took = await until(
        'it is gone',
        () =>
          !JSON.parse(run('get', 'MicroVM', '-o', 'json')).items.some(
            (/** @type {any} */ vm) => vm.metadata.name === name,
          ),
      )
      return `${name} and its network gone after ${took} ms`
    },
  },
  {
    say: 'the controller is killed: kill -9, and started again',
    async play() {
      const pids = ['slot1', 'slot4', 'app'].map(pidOf).join()
      controller.kill('SIGKILL')
      await sleep(300)
      startController()
      await until('it answers', () => run('get', 'MicroVM') !== '', 30)
      await until('slot1 is ready', () => isReady('slot1'), 60)
      if (['slot1', 'slot4', 'app'].map(pidOf).join() !== pids) throw new Error('a VM was started anew')
      return `same VMs, same pids: ${pids}`
    },
  },
]

/** @type {import('node:child_process').ChildProcess} */
let controller
let ending = false

function startController() {
  const log = openSync(logFile, 'a')
  controller = spawn(process.execPath, [moorage, 'run', '--root', root], { stdio: ['ignore', log, log] })
  controller.on('exit', (code, signal) => {
    if (!ending && signal !== 'SIGKILL') {
      say(`the controller ended (${signal ?? code}); the end of ${logFile}:`)
      say(readFileSync(logFile, 'utf8').split('\n').slice(-15).join('\n'))
      void end(1)
    }
  })
}

/** Everything this program started is ended, everything it made is removed. @param {number} code */
async function end(code) {
  if (ending) return
  ending = true
  say('cleaning up')
  controller?.kill('SIGTERM')
  const vms = join(root, 'run/moorage/vms')
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      // Only a VMM of this root has this folder in its argv.
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(vms)) process.kill(Number(pid), 'SIGKILL')
    } catch {}
  }
  await sleep(300)
  spawnSync('umount', ['/dev/net/tun'])
  rmSync(root, { recursive: true, force: true, maxRetries: 5 })
  process.exit(code)
}

process.on('SIGINT', () => void end(plays ? 130 : 0))
process.on('SIGTERM', () => void end(143))

try {
  prepare()
  say(`starting the controller on ${root}, in a network namespace of its own`)
  startController()
  await until('it answers', () => run('get', 'MicroVM').includes('slot5'), 60)
  const from = Date.now()
  let last = ''
  await until('every VM is ready', () => {
    const { items } = JSON.parse(run('get', 'MicroVM', '-o', 'json'))
    const ready = items.filter((/** @type {any} */ vm) => condition(vm, 'Ready') === 'True').length
    const line = `${ready} of ${items.length} VMs are ready`
    if (line !== last) say(`${line} (${Math.round((Date.now() - from) / 1000)} s)`)
    last = line
    return items.length > 0 && ready === items.length
  })
  say(`\n${run('get', 'MicroVM')}`)
  say(`Console of app, where its service tells the name and the length of each credential:`)
  for (const line of credentialLines('app')) say(`  ${line.trim()}`)
  if (plays) {
    for (const step of steps) {
      say(`\n${step.say}`)
      say(`  ${await step.play()}`)
    }
    say('\nevery step converged')
    await end(0)
  } else {
    const cli = `node dist/moorage.js`
    say(`
The controller runs on. In another terminal, in this folder:

  ${cli} get --root ${root}
  ${cli} describe MicroVM slot1 --root ${root}
  ${cli} console slot1 --root ${root}            # a root shell; leave with Enter ~ .
  sed -i 's/256Mi/288Mi/' ${manifests}/app.yaml    # edit: the VM restarts with more memory
  sed -i 's/api-key: .*/api-key: another/' ${manifests}/app.yaml    # rotate a secret
  nsenter -t ${process.pid} -n ip link del dev vm-slot1    # break something
  ${cli} plan --root ${root}
  tail -f ${logFile}

Ctrl-C ends the VMs and removes ${root}.`)
    setInterval(() => {}, 1 << 30)
  }
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  await end(1)
}
