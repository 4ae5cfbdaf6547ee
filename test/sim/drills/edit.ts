import { image, network, vm, withState } from '../../host/stage-manifests.ts'
import type { Stage } from '../stage.ts'
import { type Drill, enough } from './drill.ts'
import { pair, plain } from './fleet.ts'

/** Edits that once left something of what was before; found by giving every field every value. */
export const editDrills: readonly Drill[] = [
  {
    name: 'an MTU is taken out again',
    async play(stage) {
      await pair(stage)
      for (const [mtu, is] of [
        [{ mtu: 1400 }, 1400],
        [{}, 1500],
      ] as const) {
        stage.write('base.yaml', image('small'), network('n1', mtu))
        await stage.pass(enough)
        for (const name of ['br-n1', 'vm-a']) {
          const link = stage.host.net.links().find((one) => one.name === name)
          stage.expect(link?.mtu === is, `${name} has an MTU of ${link?.mtu} and not of ${is}`)
        }
      }
    },
  },
  {
    name: 'a subnet grows',
    async play(stage) {
      await pair(stage)
      for (const prefix of [16, 24]) {
        stage.write('base.yaml', image('small'), network('n1', { subnet: `10.1.0.0/${prefix}` }))
        await stage.pass(enough)
        stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), `a is not reached in a subnet of /${prefix}`)
        const { masquerade } = stage.host.net.rules().sets
        stage.expect(masquerade.join() === `10.1.0.0/${prefix}`, `masqueraded is ${masquerade.join()}`)
      }
    },
  },
  {
    name: 'a network is taken away from under its VMs and comes back',
    async play(stage) {
      await pair(stage)
      stage.write('base.yaml', image('small'))
      await stage.pass(enough)
      stage.write('base.yaml', image('small'), network('n1'))
      await stage.pass(enough)
      const problems = stage.host.controller?.last?.source.problems ?? []
      stage.expect(problems.length === 0, `still told: ${problems.map(({ message }) => message).join()}`)
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'a newcomer wants an address beside others that name none',
    async play(stage) {
      const nic = (name: string) => ({ name, network: { name: 'n1' } })
      stage.write('base.yaml', image('small'), network('n1'))
      stage.write('a.yaml', vm('a', { interfaces: [nic('eth0')] }))
      stage.write('b.yaml', vm('b', { interfaces: [nic('eth0')] }))
      await stage.start()
      await stage.pass(enough)
      stage.write('a.yaml', vm('a', { interfaces: [nic('more'), nic('eth0')] }))
      await stage.pass(enough)
      stage.mustRun('a')
      stage.mustHaveRunThroughout('b')
    },
  },
  {
    name: 'an edit asks for what another VM runs with',
    async play(stage) {
      const mac = '02:00:00:00:00:0b'
      const nic = (fields: object) => ({ interfaces: [{ name: 'eth0', network: { name: 'n1' }, ...fields }] })
      stage.write('base.yaml', image('small'), network('n1'))
      stage.write('a.yaml', vm('a', nic({})))
      stage.write('b.yaml', vm('b', nic({ tap: 'vm-b', mac })))
      await stage.start()
      await stage.pass(enough)
      const address = stage.addressOf('b')
      for (const edit of [{ tap: 'vm-b' }, { tap: 'br-n1' }, { mac }, { address }]) {
        stage.write('a.yaml', vm('a', nic(edit)))
        await stage.pass(enough)
        const told = JSON.stringify(stage.host.controller?.statuses.current.get('MicroVM/default/a'))
        stage.expect(told.includes('choose another one'), `${JSON.stringify(edit)} is not refused: ${told}`)
        stage.mustHaveRunThroughout('a', 'b')
      }
      stage.write('a.yaml', vm('a', nic({})))
      stage.write('base.yaml', image('small'), network('n1', { bridge: 'vm-b' }))
      await stage.pass(enough)
      stage.mustHaveRunThroughout('a', 'b')
      stage.expect(stage.vmm('b').reachedAt(address), 'b is not reached')
    },
  },
  {
    name: 'an ephemeral disk gets another size',
    async play(stage) {
      scratch(stage, '1Mi')
      await stage.start()
      await stage.pass(enough)
      scratch(stage, '2Mi')
      await stage.pass(enough)
      stage.mustRun('a')
      const sizes = stage.host.files
        .everything('/var/lib/moorage/volumes')
        .flatMap(({ path, text }) =>
          path.endsWith('volume.json') ? [(JSON.parse(text) as { size: number }).size] : [],
        )
      stage.expect(sizes.join() === String(2 << 20), `the disks have ${sizes.join()} bytes`)
    },
  },
  {
    name: 'a VM with an ephemeral disk cannot be started',
    async play(stage) {
      stage.faulty = true
      stage.host.process.hooks.open = () => 'qemu: cannot allocate memory'
      scratch(stage, '1Mi')
      await stage.start()
      await stage.pass(60_000)
      const made = stage.host.files.calls.filter(({ name }) => name === 'createSparse').length
      stage.expect(made <= 6, `its disk was made ${made} times in a minute`)
    },
  },
  {
    name: 'a state is asked for another file system',
    async play(stage) {
      const state = (spec: object) => ({
        ...{ apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVMState', metadata: { name: 'data' } },
        spec: { size: '64Mi', ...spec },
      })
      const { stateTemplates: _, ...disk } = withState('data')
      stage.write('base.yaml', image('small'), network('n1'), state({}))
      stage.write('a.yaml', plain('a', disk))
      await stage.start()
      await stage.pass(enough)
      for (const spec of [{ fsType: 'xfs' }, { label: 'x' }]) {
        stage.write('base.yaml', image('small'), network('n1'), state(spec))
        await stage.pass(5000)
        const told = JSON.stringify(stage.host.controller?.statuses.current.get('MicroVMState/default/data'))
        stage.expect(told.includes('"FileSystemKept"'), `${JSON.stringify(spec)} is not told: ${told}`)
      }
      stage.mustHaveRunThroughout('a')
    },
  },
  {
    name: 'credentials are taken away',
    async play(stage) {
      stage.write('base.yaml', image('small'), network('n1'))
      stage.write('a.yaml', plain('a', { credentials: { items: [{ name: 'key', source: { value: 'x' } }] } }))
      await stage.start()
      await stage.pass(enough)
      stage.write('a.yaml', plain('a'))
      await stage.pass(enough)
      const told = JSON.stringify(stage.host.controller?.statuses.current.get('MicroVM/default/a'))
      stage.expect(!told.includes('CredentialsCurrent'), `it has none and is told to have them: ${told}`)
    },
  },
]

function scratch(stage: Stage, size: string): void {
  stage.write('base.yaml', image('small'), network('n1'))
  stage.write('a.yaml', plain('a', { disks: [{ name: 'scratch', ephemeral: { size } }] }))
}
