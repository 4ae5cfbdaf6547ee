import { image, network, secret, withState } from '../../host/stage-manifests.ts'
import { canary } from '../wanted.ts'
import { type Drill, enough } from './drill.ts'
import { pair, plain } from './fleet.ts'

export const startDrills: readonly Drill[] = [
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
]
