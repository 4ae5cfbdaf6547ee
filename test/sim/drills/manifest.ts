import { image, network, yaml } from '../../host/stage-manifests.ts'
import { type Drill, enough } from './drill.ts'
import { five, fleet, pair, plain } from './fleet.ts'

export const manifestDrills: readonly Drill[] = [
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
]
