import { image, network } from '../../host/stage-manifests.ts'
import { type Drill, enough } from './drill.ts'
import { five, pair, plain } from './fleet.ts'

export const machineDrills: readonly Drill[] = [
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
]
