import { FileError } from '../../src/world/files.ts'
import { type Fields, image, network, networked, secret, withState, yaml } from '../host/stage-manifests.ts'
import { Stage } from './stage.ts'
import { canary } from './wanted.ts'

/** One story that chance tells too seldom: somebody does a thing on purpose, and it is known what must come of it. */
export interface Drill {
  readonly name: string
  play(stage: Stage): Promise<void>
}

const five = ['a', 'b', 'c', 'd', 'e'] as const

/** Seconds of virtual time in which a start or a stop comes to its end. */
const enough = 40_000

/** What a drill came to: what was violated, the first first; empty when nothing was. */
export async function drill({ name, play }: Drill): Promise<readonly string[]> {
  const stage = new Stage(name)
  await play(stage)
  return stage.end()
}

export const drills: readonly Drill[] = [
  {
    name: 'most manifests vanish at once',
    async play(stage) {
      await fleet(stage)
      for (const name of five.slice(1)) stage.remove(`${name}.yaml`)
      await stage.pass(enough)
      stage.mustRun(...five)
      for (const name of ['b', 'c']) stage.write(`${name}.yaml`, plain(name))
      await stage.pass(enough)
      // For a moment it says nothing that the other two are gone.
      stage.writeText('notes.yaml', 'foo: [ d, e\n')
      await stage.pass(5000)
      stage.remove('notes.yaml')
      await stage.pass(enough)
      stage.mustRun(...five)
      for (const name of ['d', 'e']) stage.write(`${name}.yaml`, plain(name))
      await stage.pass(enough)
      stage.mustHaveRunThroughout(...five)
    },
  },
  {
    name: 'the directory is emptied',
    async play(stage) {
      await pair(stage)
      for (const name of ['base', 'a', 'b']) stage.remove(`${name}.yaml`)
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'the directory cannot be read',
    async play(stage) {
      await pair(stage)
      const allow = stage.denyManifests()
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
      allow()
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'an editor renames a manifest away for a moment',
    async play(stage) {
      await pair(stage)
      for (const away of [20, 200, 700]) {
        stage.remove('a.yaml')
        await stage.pass(away)
        stage.write('a.yaml', plain('a'))
        await stage.pass(5000)
      }
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'a manifest is overwritten with garbage',
    async play(stage) {
      await pair(stage)
      stage.writeText('a.yaml', 'foo: [\n')
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
      stage.writeText('b.yaml', '')
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'a manifest comes in pieces',
    async play(stage) {
      const text = yaml(plain('a', { restartToken: 'again' }))
      stage.write('base.yaml', image('small'), network('n1'))
      stage.writeText('a.yaml', text)
      await stage.start()
      await stage.pass(enough)
      stage.writeText('a.yaml', text.slice(0, -3))
      await stage.pass(150)
      stage.writeText('a.yaml', text)
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a')
    },
  },
  {
    name: 'two of three manifests go',
    async play(stage) {
      await pair(stage)
      stage.remove('a.yaml')
      await stage.pass(enough)
      stage.expect(!stage.runs('a'), 'a runs and nobody wants it')
      stage.mustHaveRunThroughout('b')
      for (const path of ['/run/moorage', '/var/lib/moorage/ledger', '/var/lib/moorage/status']) {
        for (const left of stage.left(path)) stage.expect(!left.includes('default.a'), `I11: ${left} is still there`)
      }
      stage.expect(stage.left('/run/moorage/ended').length === 0, 'I11: its console is still there')
      stage.expect(stage.left('/var/lib/moorage/ledger/machines').length === 1, 'I11: its record is still there')
    },
  },
  {
    name: 'a bridge of ours belongs to somebody else',
    async play(stage) {
      const { net } = stage.host
      net.addLink({ name: 'br-n1', kind: 'bridge', alias: 'somebody', up: true })
      net.addAddress('br-n1', '192.168.7.1/24')
      await pair(stage)
      const link = net.links().find(({ name }) => name === 'br-n1')
      stage.expect(link?.addresses.join() === '192.168.7.1/24', 'the bridge of somebody else was changed')
      stage.expect(!stage.runs('a'), 'a runs on a bridge of somebody else')
    },
  },
  {
    name: 'a TAP of ours belongs to somebody else',
    async play(stage) {
      const { net } = stage.host
      net.addLink({ name: 'vm-a', kind: 'tun', alias: 'somebody', user: 1000 })
      await pair(stage)
      const link = net.links().find(({ name }) => name === 'vm-a')
      stage.expect(
        link?.user === 1000 && link.master === null && link.alias === 'somebody',
        'a TAP of somebody else was changed',
      )
      stage.mustRun('b')
    },
  },
  {
    name: 'links of somebody else stay',
    async play(stage) {
      const { net } = stage.host
      net.addLink({ name: 'coincidence', kind: 'dummy', group: 5000 })
      net.addLink({ name: 'neighbour', kind: 'bridge', alias: 'moorage:0000aaaa/MicroVMNetwork//n1' })
      await pair(stage)
      stage.remove('a.yaml')
      await stage.pass(enough)
      for (const name of ['coincidence', 'neighbour'])
        stage.expect(
          net.links().some((link) => link.name === name),
          `${name} was removed`,
        )
    },
  },
  {
    name: 'a VMM of another root runs under the same uid',
    async play(stage) {
      await pair(stage)
      const { uid } = stage.vmm('a').spec
      const place = { executable: '/usr/bin/qemu-system-x86_64', uid }
      stage.host.process.startForeign({ ...place, directory: '/srv/other/run/moorage/vms/0123456789' })
      stage.host.process.startForeign({ ...place, executable: '/usr/bin/sleep' })
      stage.vmm('a').hang()
      stage.write('a.yaml', plain('a', { runStrategy: 'Halted' }))
      await stage.pass(enough)
      stage.expect(!stage.runs('a'), 'a is Halted and runs')
    },
  },
  {
    name: 'everything that speaks of a VMM is lost',
    async play(stage) {
      await pair(stage)
      stage.faulty = true
      stage.host.kill()
      for (const lost of ['/var/lib/moorage/ledger', '/var/lib/moorage/index', '/run/moorage/vms'])
        stage.host.files.unlink(lost)
      await stage.start()
      await stage.pass(enough)
      for (const name of ['a', 'b'])
        stage.expect(stage.starts(name) === 1, `${name} was started ${stage.starts(name)} times`)
    },
  },
  {
    name: 'a state moves from one VM to another',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'))
      const state = withState('data')
      stage.write('a.yaml', plain('a', { ...state, terminationGracePeriodSeconds: 5 }))
      stage.write('b.yaml', plain('b'))
      await stage.start()
      await stage.pass(enough)
      stage.mustRun('a', 'b')
      stage.vmm('a').guest = { ...stage.vmm('a').guest, button: 'ignored' }
      const { stateTemplates: _, ...disk } = state
      stage.write('a.yaml', plain('a'))
      stage.write('b.yaml', plain('b', disk))
      await stage.pass(2 * enough)
      stage.mustRun('a', 'b')
      stage.expect(stage.vmm('b').plan?.disks.length === 1, 'b has not got the state')
      stage.expect(stage.host.process.locks.collisions.length === 0, 'two VMMs wanted one image at a time')
    },
  },
  {
    name: 'two VMs want one state',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'))
      const { stateTemplates: _, ...disk } = withState('data')
      stage.write('a.yaml', plain('a', withState('data')))
      await stage.start()
      await stage.pass(enough)
      stage.write('b.yaml', plain('b', disk))
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a')
      stage.expect(!stage.runs('b'), 'b runs on a state that is of a')
      stage.expect(stage.host.process.locks.collisions.length === 0, 'two VMMs wanted one image at a time')
    },
  },
  {
    name: 'two VMs want one address',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'))
      stage.write('a.yaml', networked('a', 'n1', 10))
      await stage.start()
      await stage.pass(enough)
      stage.write('b.yaml', networked('b', 'n1', 10))
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a')
      stage.expect(!stage.runs('b'), 'b runs with an address that is of a')
    },
  },
  {
    name: 'addresses are given, kept and given back',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1', { subnet: '10.1.0.0/29' }))
      const four = ['a', 'b', 'c', 'd'] as const
      for (const name of four) stage.write(`${name}.yaml`, networked(name, 'n1', null))
      await stage.start()
      await stage.pass(enough)
      stage.mustRun(...four)
      const before = four.map((name) => stage.addressOf(name))
      stage.expect(new Set(before).size === 4, `addresses are ${before.join()}`)
      stage.remove('a.yaml')
      await stage.pass(enough)
      stage.write('b.yaml', networked('b', 'n1', null, { memory: '96Mi' }))
      await stage.pass(enough)
      stage.expect(stage.addressOf('b') === before[1], `b had ${before[1]} and has ${stage.addressOf('b')}`)
      for (const name of ['e', 'f']) stage.write(`${name}.yaml`, networked(name, 'n1', null))
      await stage.pass(enough)
      stage.mustRun('b', 'c', 'd', 'e', 'f')
      stage.mustHaveRunThroughout('c', 'd')
    },
  },
  {
    name: 'the kernel is gone while a spec changes',
    async play(stage) {
      await pair(stage)
      stage.host.files.unlink('/var/lib/moorage/images/small/vmlinuz')
      stage.write('a.yaml', plain('a', { memory: '96Mi' }))
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'a VM is removed and made again under its name',
    async play(stage) {
      await pair(stage)
      const { directory } = stage.vmm('a').spec
      stage.remove('a.yaml')
      await stage.pass(enough)
      stage.expect(!stage.runs('a'), 'a runs and nobody wants it')
      stage.write('a.yaml', plain('a'))
      await stage.pass(enough)
      stage.mustRun('a')
      stage.expect(stage.vmm('a').spec.directory !== directory, 'a has the uid of the one before')
    },
  },
  {
    name: 'a VM crashes again and again',
    async play(stage) {
      await pair(stage)
      // Pauses of 0, 10 and 40 seconds, spread by a tenth.
      for (const [crash, [early, late]] of [
        [0, 3000],
        [9000, 3000],
        [39_000, 6000],
      ].entries()) {
        stage.vmm('a').crash()
        await stage.pass(early!)
        if (early! > 0)
          stage.expect(stage.starts('a') === crash + 1, `a was started less than ${early} ms after it ended`)
        await stage.pass(late!)
        stage.expect(stage.starts('a') === crash + 2, `a was not started ${early! + late!} ms after it ended`)
      }
      stage.mustHaveRunThroughout('b')
    },
  },
  {
    name: 'a VMM cannot be started',
    async play(stage) {
      stage.faulty = true
      stage.host.process.hooks.open = ({ name }) => (name === 'default.a' ? 'qemu: cannot allocate memory' : null)
      await pair(stage)
      await stage.pass(20_000)
      stage.expect(stage.starts('a') <= 6, `a was tried ${stage.starts('a')} times in a minute`)
      stage.mustRun('b')
      stage.host.process.hooks.open = () => null
      await stage.pass(400_000)
      stage.mustRun('a')
      stage.mustHaveRunThroughout('b')
    },
  },
  {
    name: 'guests end as their strategies know',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'))
      const strategies = { a: 'Always', b: 'RerunOnFailure', c: 'Once', d: 'RerunOnFailure', e: 'Once' } as const
      for (const [name, runStrategy] of Object.entries(strategies))
        stage.write(`${name}.yaml`, plain(name, { runStrategy }))
      await stage.start()
      await stage.pass(enough)
      stage.mustRun(...five)
      for (const name of ['a', 'b', 'c']) stage.vmm(name).powerOff()
      for (const name of ['d', 'e']) stage.vmm(name).panic()
      await stage.pass(5000)
      stage.mustRun('a', 'd')
      for (const name of ['b', 'c', 'e']) stage.expect(!stage.runs(name), `${name} runs after its end`)
    },
  },
  {
    name: 'a Manual VM does what it is told',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'))
      stage.write('a.yaml', plain('a', { runStrategy: 'Manual' }))
      await stage.start()
      await stage.pass(enough)
      stage.expect(!stage.runs('a'), 'a is Manual and was started')
      await stage.ask('Start', 'a')
      stage.mustRun('a')
      const { pid } = stage.vmm('a')
      await stage.ask('Restart', 'a')
      stage.mustRun('a')
      stage.expect(stage.vmm('a').pid !== pid, 'a was asked to restart and runs on')
      await stage.ask('Stop', 'a')
      stage.expect(!stage.runs('a'), 'a was asked to stop and runs')
      await stage.pass(enough)
      stage.expect(stage.starts('a') === 2, `a was started ${stage.starts('a')} times`)
      await stage.ask('Start', 'a')
      stage.vmm('a').powerOff()
      await stage.pass(enough)
      stage.expect(!stage.runs('a'), 'a is Manual, powered itself off and runs')
    },
  },
  { name: 'a secret of three VMs changes', play: (stage) => rotate(stage, false) },
  { name: 'a secret of three VMs changes and a start fails', play: (stage) => rotate(stage, true) },
  {
    name: 'a guest gets its time to go',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'))
      for (const name of ['a', 'b']) stage.write(`${name}.yaml`, plain(name, { terminationGracePeriodSeconds: 20 }))
      await stage.start()
      await stage.pass(enough)
      const [deaf, slow] = [stage.vmm('a'), stage.vmm('b')]
      deaf.guest = { ...deaf.guest, button: 'ignored' }
      slow.guest = { ...slow.guest, button: 15_000 }
      for (const name of ['a', 'b']) stage.write(`${name}.yaml`, plain(name, { runStrategy: 'Halted' }))
      await stage.pass(14_000)
      stage.mustRun('a', 'b')
      await stage.pass(4000)
      stage.mustRun('a')
      stage.expect(slow.state === 'shutdown', 'b was not let go by itself')
      await stage.pass(enough)
      stage.expect(!stage.runs('a') && !stage.runs('b'), 'a VM is Halted and runs')
    },
  },
  {
    name: 'what no host can say is lost',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'), secret('token', { token: `${canary}-1` }))
      const items = [{ name: 'key', source: { secretKeyRef: { name: 'token', key: 'token' } } }]
      // Who is there first has the first number; the others keep theirs when it has gone.
      stage.write('e.yaml', plain('e'))
      await stage.start()
      stage.write('a.yaml', plain('a', { credentials: { items }, ...withState('data') }))
      stage.write('b.yaml', plain('b', { runStrategy: 'Manual' }))
      await stage.pass(5000)
      await stage.ask('Start', 'b')
      stage.remove('e.yaml')
      await stage.pass(enough)
      for (const lost of ['ledger', 'index', 'status']) {
        stage.host.kill()
        stage.host.files.unlink(`/var/lib/moorage/${lost}`)
        await stage.start()
        await stage.pass(enough)
      }
      stage.mustHaveRunThroughout('a', 'b')
      stage.host.kill()
      for (const lost of ['index', 'objects']) stage.host.files.unlink(`/var/lib/moorage/${lost}`)
      stage.host.process.kill(stage.vmm('a').pid)
      await stage.start()
      await stage.pass(enough)
      stage.mustRun('a', 'b')
    },
  },
  {
    name: 'a spec changes',
    async play(stage) {
      const items = [{ name: 'key', source: { file: { path: '/run/secrets/key' } } }]
      stage.host.files.write('/run/secrets/key', `${canary}-1`, 0o600)
      const { stateTemplates: templates, ...disk } = withState('data')
      const q35: Fields = { qemu: { accel: 'tcg', machine: 'q35' }, memory: '64Mi', credentials: { items } }
      stage.write('base.yaml', image('small'), network('n1'), network('n2'))
      stage.write('a.yaml', plain('a', q35))
      await stage.start()
      await stage.pass(enough)
      stage.mustRun('a')
      let spec = q35
      let starts = 1
      const after = async (what: string, restarts: number) => {
        await stage.pass(20_000)
        stage.mustRun('a')
        starts += restarts
        stage.expect(
          stage.starts('a') === starts,
          `${what}: a was started ${stage.starts('a')} times and not ${starts}`,
        )
        starts = stage.starts('a')
      }
      const change = async (what: string, restarts: number, fields: Fields) => {
        spec = { ...spec, ...fields }
        stage.write('a.yaml', plain('a', spec))
        await after(what, restarts)
      }
      await change('memory', 1, { memory: '80Mi' })
      await change('machine', 1, { qemu: { accel: 'tcg', machine: 'microvm' } })
      await change('vcpu', 1, { vcpu: 2 })
      await change('restartToken', 1, { restartToken: 'again' })
      await change('a disk more', 1, { ...disk, stateTemplates: templates })
      await change('a disk less', 1, { disks: [], stateTemplates: [] })
      const nic = { name: 'eth0', tap: 'vm-a' }
      await change('address', 1, { interfaces: [{ ...nic, network: { name: 'n1' }, address: '10.1.0.77' }] })
      stage.expect(stage.vmm('a').reachedAt('10.1.0.77'), 'a is not reached at its new address')
      await change('network', 1, { interfaces: [{ ...nic, network: { name: 'n2' }, address: '10.2.0.77' }] })
      stage.expect(stage.vmm('a').reachedAt('10.2.0.77'), 'a is not reached on its new network')
      await change('grace', 0, { terminationGracePeriodSeconds: 7 })
      await change('readiness', 0, { readiness: { tcpSocket: { port: 81 }, periodSeconds: 2 } })
      await change('runStrategy', 0, { runStrategy: 'RerunOnFailure' })
      stage.host.files.write('/run/secrets/key', `${canary}-2`, 0o600)
      stage.host.watch.touched('/run/secrets/key')
      await after('the value of a credential', 1)
      stage.host.files.replace('/var/lib/moorage/images/small/vmlinuz', 'another')
      stage.host.watch.touched('/var/lib/moorage/images/small/vmlinuz')
      await stage.pass(enough)
      await after('the kernel', 1)
      stage.host.files.unlink('/run/secrets/key')
      stage.host.watch.touched('/run/secrets/key')
      await after('a credential that is gone', 0)
    },
  },
  {
    name: 'the kernel refuses once',
    async play(stage) {
      stage.faulty = true
      let refused = 0
      const once = () => {
        refused += 1
        return refused <= 1 ? 'Cannot allocate memory' : null
      }
      stage.host.net.faults = { rulesFail: once, dumpFails: () => null }
      await pair(stage, 5000)
      stage.mustRun('a', 'b')
      stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
      stage.expect(refused > 1, 'nothing was tried again')
    },
  },
  {
    name: 'what is accepted cannot be written down once',
    async play(stage) {
      const { files } = stage.host
      await pair(stage)
      let full = true
      files.hook = ({ name, path, phase }) => {
        if (!full || phase === 'after' || name !== 'create' || path !== '/var/lib/moorage/index/accepted.new') return
        full = false
        throw new FileError('ENOSPC', path, `ENOSPC: ${path}`)
      }
      stage.write('c.yaml', plain('c'))
      await stage.pass(enough)
      stage.mustRun('a', 'b', 'c')
      stage.expect(!full, 'nothing was written')
      const text = files.text('/var/lib/moorage/index/accepted') ?? ''
      stage.expect(text.includes('"MicroVM/default/c"'), 'c runs and the index does not know of it')
    },
  },
  {
    name: 'a commit is cut short once',
    async play(stage) {
      stage.faulty = true
      let cut = 0
      stage.host.net.faults = { commitCut: () => (cut++ < 1 ? 1 : null) }
      await pair(stage)
      stage.mustRun('a', 'b')
      stage.expect(cut > 1 && stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
    },
  },
  {
    name: 'what a start needs cannot be made at first',
    async play(stage) {
      const { net, process } = stage.host
      stage.faulty = true
      let taps = 0
      let tools = 0
      net.faults = { operationFails: ({ op }) => (op === 'addTap' && taps++ < 2 ? 'Cannot allocate memory' : null) }
      process.hooks.run = () => (tools++ < 1 ? { code: 1, stdout: '', stderr: 'out of memory' } : null)
      stage.write('base.yaml', image('small'), network('n1'))
      stage.write('a.yaml', plain('a', withState('data')))
      stage.write('b.yaml', plain('b'))
      await stage.start()
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
      stage.expect(taps > 2 && tools > 1, 'nothing was tried again')
      stage.expect(!stage.failed.some((id) => id.startsWith('startMachine')), `${stage.failed.join()} failed`)
    },
  },
  {
    name: 'a VMM is slow to answer',
    async play(stage) {
      stage.host.process.hooks.times = () => ({ greeting: 3000, open: 4000, exit: 3 })
      await pair(stage)
      stage.mustHaveRunThroughout('a', 'b')
      stage.write('a.yaml', plain('a', { memory: '96Mi' }))
      await stage.pass(enough)
      stage.mustRun('a')
      stage.expect(stage.starts('a') === 2, `a was started ${stage.starts('a')} times`)
    },
  },
  {
    name: 'a VMM hangs for a while',
    async play(stage) {
      await pair(stage)
      stage.vmm('a').hang()
      await stage.pass(200_000)
      stage.vmm('a').thaw()
      await stage.pass(100_000)
      stage.mustHaveRunThroughout('a', 'b')
      stage.expect(stage.readyOf('a') === 'True', 'a is back and not told as ready')
    },
  },
  {
    name: 'QMP hangs up once',
    async play(stage) {
      await pair(stage)
      let calls = 0
      stage.host.process.hooks.qmp = () => (calls++ < 1 ? { kind: 'hangUp', done: false } : null)
      await stage.pass(250_000)
      stage.expect(calls > 1, 'it was not dialled again')
      stage.mustHaveRunThroughout('a', 'b')
      stage.expect(stage.readyOf('a') === 'True' && stage.readyOf('b') === 'True', 'a VM is not told as ready')
    },
  },
  {
    name: 'a VMM takes long to die',
    async play(stage) {
      await pair(stage)
      stage.host.process.hooks.death = () => ({ files: 1500, gone: 1500 })
      stage.vmm('a').hang()
      stage.write('a.yaml', plain('a', { terminationGracePeriodSeconds: 1, memory: '96Mi' }))
      stage.remove('b.yaml')
      stage.vmm('b').powerOff()
      await stage.pass(2 * enough)
      stage.mustRun('a')
      stage.expect(stage.starts('a') === 2, `a was started ${stage.starts('a')} times`)
      stage.expect(!stage.runs('b'), 'b runs and nobody wants it')
    },
  },
  {
    name: 'the controller dies while a NIC is plugged in again',
    async play(stage) {
      const { host } = stage
      await pair(stage)
      for (let death = 0; death < 40; death += 2) {
        let left = death
        host.net.deleteLink('vm-a')
        host.hooks.fate = () => (left-- === 0 ? 'after' : 'lives')
        await stage.pass(3000)
        host.hooks.fate = () => 'lives'
        if (host.life === null) host.start()
        await stage.pass(10_000)
        stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), `after a death at effect ${death} a is not reached`)
      }
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'a guest is not let run at first',
    async play(stage) {
      stage.faulty = true
      let refused = 0
      stage.host.process.hooks.qmp = (_, command) =>
        command === 'cont' && refused++ < 1 ? { kind: 'refused', errorClass: 'GenericError', words: 'not now' } : null
      await pair(stage)
      stage.mustRun('a', 'b')
      stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
    },
  },
  {
    name: 'a VMM does not take its TAP again at first',
    async play(stage) {
      const { net, process } = stage.host
      await pair(stage)
      stage.faulty = true
      let refused = 0
      process.hooks.qmp = (_, command) =>
        command === 'netdev_add' && refused++ < 1
          ? { kind: 'refused', errorClass: 'GenericError', words: 'not now' }
          : null
      net.deleteLink('vm-a')
      await stage.pass(20_000)
      stage.expect(refused > 1, 'nothing was tried again')
      stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'the controller dies within a start',
    async play(stage) {
      const { host } = stage
      const items = [{ name: 'key', source: { secretKeyRef: { name: 'token', key: 'token' } } }]
      stage.write('base.yaml', image('small'), network('n1'), secret('token', { token: canary }))
      const want = (token: number) =>
        stage.write('a.yaml', plain('a', { restartToken: `t${token}`, credentials: { items } }))
      want(0)
      await stage.start()
      await stage.pass(enough)
      stage.faulty = true
      for (let death = 0; death < 120; death += 4) {
        let left = death
        host.hooks.fate = () => (left-- === 0 ? 'after' : 'lives')
        want(death + 1)
        await stage.pass(5000)
        host.hooks.fate = () => 'lives'
        if (host.life === null) host.start()
        await stage.pass(60_000)
        stage.expect(stage.runs('a') && stage.vmm('a').up, `a does not run after a death at effect ${death}`)
        const there = host.files.everything('/run/moorage').filter(({ path }) => path.includes('credential-'))
        stage.expect(there.length === 0, `I10: ${there[0]?.path} is still there`)
      }
    },
  },
  {
    name: 'links cannot be listed for a while',
    async play(stage) {
      const until = stage.host.time + 3000
      stage.host.net.faults = { dumpFails: () => (stage.host.time < until ? 'Cannot allocate memory' : null) }
      await pair(stage, 10_000)
      stage.mustRun('a', 'b')
    },
  },
  {
    name: 'nobody tells of anything',
    async play(stage) {
      const { net, watch } = stage.host
      await pair(stage)
      watch.deliver = () => []
      net.takeOffBridge('vm-a')
      net.setForwarding(false)
      await stage.pass(65_000)
      stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
      stage.expect(net.forwarding, 'forwarding is off')
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'something happens during a pass',
    async play(stage) {
      const { net, hooks } = stage.host
      await pair(stage)
      hooks.latency = () => 2
      for (let into = 0; into < 100; into += 5) {
        stage.host.controller?.wakeups.wake('asked')
        await stage.pass(into)
        net.takeOffBridge('vm-a')
        await stage.pass(5000)
        stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), `${into} ms into a pass: a is not reached`)
      }
      stage.mustHaveRunThroughout('a', 'b')
      for (let turn = 1; turn <= 4; turn += 1) {
        const runStrategy = turn % 2 === 0 ? 'Always' : 'RerunOnFailure'
        stage.write('a.yaml', plain('a', { restartToken: `t${turn}` }))
        for (let wakes = 0; wakes < 500; wakes += 1) {
          if (wakes === 300 + 20 * turn) stage.write('a.yaml', plain('a', { restartToken: `t${turn}`, runStrategy }))
          stage.host.controller?.wakeups.wake('asked')
          await stage.pass(7)
        }
        await stage.pass(10_000)
        stage.mustRun('a')
        stage.expect(stage.starts('a') === turn + 1, `a was started ${stage.starts('a')} times and not ${turn + 1}`)
      }
      stage.mustHaveRunThroughout('b')
    },
  },
  {
    name: 'links and rules are harmed',
    async play(stage) {
      const { net } = stage.host
      await pair(stage)
      const harms: Readonly<Record<string, () => void>> = {
        'TAP deleted': () => net.deleteLink('vm-a'),
        'TAP down': () => net.setDown('vm-a'),
        'TAP off its bridge': () => net.takeOffBridge('vm-a'),
        'alias wiped': () => net.setAlias('vm-a', ''),
        'group changed': () => net.setGroup('vm-a', 0),
        'bridge deleted': () => net.deleteLink('br-n1'),
        'bridge down': () => net.setDown('br-n1'),
        'address gone': () => net.removeAddress('br-n1', '10.1.0.1/24'),
        'address added': () => net.addAddress('br-n1', '10.77.0.1/24'),
        'second address of the subnet first': () => {
          net.removeAddress('br-n1', '10.1.0.1/24')
          net.addAddress('br-n1', '10.1.0.9/24')
        },
        'rules flushed': () => net.flushRuleset(),
        'chains altered': () => net.alterChains('bridge'),
        'element removed': () => net.removeElement('portMacs', net.rules().sets.portMacs[0]!),
        'element added': () => net.addElement('portUnfiltered', 'vm-a'),
        'forwarding off': () => net.setForwarding(false),
      }
      const picture = () => {
        const { chains, sets } = net.rules()
        const links = net.links().map((link) => ({ ...link, index: 0, mac: '', carrier: false }))
        return JSON.stringify([chains, sets, links, net.forwarding])
      }
      const before = picture()
      for (const [what, harm] of Object.entries(harms)) {
        harm()
        await stage.pass(5000)
        stage.expect(picture() === before, `${what}: it is not as it was`)
        stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), `${what}: a is not reached`)
      }
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'the last VM goes',
    async play(stage) {
      await pair(stage)
      const { net } = stage.host
      stage.expect(net.forwarding, 'forwarding is off')
      stage.remove('a.yaml')
      await stage.pass(enough)
      stage.remove('b.yaml')
      await stage.pass(enough)
      stage.expect(!net.forwarding, 'forwarding is still on, was off before and nobody needs it')
      stage.expect(net.rules().chains === null, 'our tables are still there')
      stage.expect(
        net.links().length === 1,
        `links are ${net
          .links()
          .map(({ name }) => name)
          .join()}`,
      )
    },
  },
]

function plain(name: string, spec: Fields = {}): Fields {
  return networked(name, 'n1', 10 + five.indexOf(name as (typeof five)[number]), spec)
}

async function fleet(stage: Stage): Promise<void> {
  stage.write('base.yaml', image('small'), network('n1'))
  for (const name of five) stage.write(`${name}.yaml`, plain(name))
  await stage.start()
  await stage.pass(enough)
  stage.mustRun(...five)
}

async function pair(stage: Stage, milliseconds = enough): Promise<void> {
  stage.write('base.yaml', image('small'), network('n1'))
  for (const name of ['a', 'b']) stage.write(`${name}.yaml`, plain(name))
  await stage.start()
  await stage.pass(milliseconds)
}

/** One by one, each for the new value. */
async function rotate(stage: Stage, fails: boolean): Promise<void> {
  const three = ['a', 'b', 'c'] as const
  const base = (revision: number) => {
    const value = `${canary}-${'x'.repeat(revision)}`
    stage.write('base.yaml', image('small'), network('n1'), secret('token', { token: value }))
  }
  const items = [{ name: 'key', source: { secretKeyRef: { name: 'token', key: 'token' } } }]
  base(1)
  for (const name of three) stage.write(`${name}.yaml`, plain(name, { credentials: { items } }))
  await stage.start()
  await stage.pass(enough)
  stage.mustRun(...three)
  stage.faulty = fails
  let left = fails ? 1 : 0
  stage.host.process.hooks.open = () => (left-- > 0 ? 'qemu: cannot allocate memory' : null)
  let down = 0
  stage.watch(() => {
    down = Math.max(down, three.filter((name) => !stage.host.process.vmm(`default.${name}`)?.up).length)
  })
  base(2)
  await stage.pass(2 * enough)
  stage.expect(down === 1, `I8: ${down} of them were down at a time`)
  for (const name of three) {
    const runs = stage.host.process.spawned.filter((vmm) => vmm.name === `default.${name}` && vmm.boots > 0).length
    stage.expect(runs === 2, `${name} ran ${runs} times`)
    if (!fails)
      stage.expect(stage.reasonOf(name) === 'SecretRotated', `${name} was restarted for ${stage.reasonOf(name)}`)
  }
}
