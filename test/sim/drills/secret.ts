import { image, network, secret } from '../../host/stage-manifests.ts'
import type { Stage } from '../stage.ts'
import { canary } from '../wanted.ts'
import { type Drill, enough } from './drill.ts'
import { plain } from './fleet.ts'

export const secretDrills: readonly Drill[] = [
  { name: 'a secret of three VMs changes', play: (stage) => rotate(stage, false) },
  { name: 'a secret of three VMs changes and a start fails', play: (stage) => rotate(stage, true) },
]

/** One by one, each for the new value. */
async function rotate(stage: Stage, fails: boolean): Promise<void> {
  const three = ['a', 'b', 'c'] as const
  const base = (revision: number) => {
    const value = `${canary}-${'x'.repeat(revision)}`
    stage.write('base.yaml', image('small'), network('n1'), secret('token', { token: value }))
  }
  const items = [{ name: 'key', source: { secretKeyRef: { name: 'token', key: 'token' } } }]
  base(1)
  for (const name of three) stage.write(`${name}.yaml`, plain(name, { credentials: { items } }))
  await stage.start()
  await stage.pass(enough)
  stage.mustRun(...three)
  stage.faulty = fails
  let left = fails ? 1 : 0
  stage.host.process.hooks.open = () => (left-- > 0 ? 'qemu: cannot allocate memory' : null)
  let down = 0
  stage.watch(() => {
    down = Math.max(down, three.filter((name) => !stage.host.process.vmm(`default.${name}`)?.up).length)
  })
  base(2)
  await stage.pass(2 * enough)
  stage.expect(down === 1, `I8: ${down} of them were down at a time`)
  for (const name of three) {
    const runs = stage.host.process.spawned.filter((vmm) => vmm.name === `default.${name}` && vmm.boots > 0).length
    stage.expect(runs === 2, `${name} ran ${runs} times`)
    if (!fails)
      stage.expect(stage.reasonOf(name) === 'SecretRotated', `${name} was restarted for ${stage.reasonOf(name)}`)
  }
}
