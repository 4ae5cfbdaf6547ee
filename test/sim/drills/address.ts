import { image, network, networked } from '../../host/stage-manifests.ts'
import { type Drill, enough } from './drill.ts'

export const addressDrills: readonly Drill[] = [
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
]
