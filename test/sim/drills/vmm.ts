import { type Drill, enough } from './drill.ts'
import { pair, plain } from './fleet.ts'

export const vmmDrills: readonly Drill[] = [
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
]
