import { type Drill, enough } from './drill.ts'
import { pair, plain } from './fleet.ts'

export const ownershipDrills: readonly Drill[] = [
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
]
