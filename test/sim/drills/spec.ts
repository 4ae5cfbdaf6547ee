import { type Fields, image, network, withState } from '../../host/stage-manifests.ts'
import { canary } from '../wanted.ts'
import { type Drill, enough } from './drill.ts'
import { plain } from './fleet.ts'

export const specDrills: readonly Drill[] = [
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
]
