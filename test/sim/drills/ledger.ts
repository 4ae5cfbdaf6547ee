import { FileError } from '../../../src/world/files.ts'
import { image, network, secret, withState } from '../../host/stage-manifests.ts'
import { canary } from '../wanted.ts'
import { type Drill, enough } from './drill.ts'
import { pair, plain } from './fleet.ts'

export const ledgerDrills: readonly Drill[] = [
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
]
