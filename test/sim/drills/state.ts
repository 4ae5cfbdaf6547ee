import { image, network, withState } from '../../host/stage-manifests.ts'
import { type Drill, enough } from './drill.ts'
import { plain } from './fleet.ts'

export const stateDrills: readonly Drill[] = [
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
]
