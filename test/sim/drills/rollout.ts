import { image, network, networked, secret } from '../../host/stage-manifests.ts'
import type { Stage } from '../stage.ts'
import { canary } from '../wanted.ts'
import type { Drill } from './drill.ts'

const names = ['a', 'b', 'c'] as const

/** Milliseconds in which each of them has been started anew, one after the other, twice. */
const enough = 30_000

/** What becomes of the first VM that goes for the value in between. */
type Fate = 'lives' | 'does not start' | 'crashes'

/** A Secret of three VMs that changes again before all of them have its new value. At each moment one of them is down at most. */
export const rolloutDrills: readonly Drill[] = [
  {
    name: 'a secret changes twice',
    // While the first VM stops, starts, is not ready yet; while the second one does.
    play: (stage) => twice(stage, [5, 900, 1505, 2000, 3600, 5000, 6000, 6300, 6500], 'lives'),
  },
  {
    name: 'a secret changes twice while calls are slow',
    play: (stage) => {
      stage.host.hooks.latency = () => 3
      return twice(stage, [1550, 5400, 6400], 'lives')
    },
  },
  {
    name: 'a secret changes twice and its first VM does not start in between',
    play: (stage) => twice(stage, [1600, 2500, 9000], 'does not start'),
  },
  {
    name: 'a secret changes twice and its first VM crashes in between',
    play: (stage) => twice(stage, [6000, 9000, 16_000], 'crashes'),
  },
  {
    name: 'the runtime folder of a VM goes while it comes back with a new value',
    async play(stage) {
      const write = await three(stage, 'first')
      stage.faulty = true
      write('second')
      await stage.passUntil(() => stage.starts('a') === 2 && stage.vmm('a').state === 'running', enough)
      stage.host.files.unlink(stage.vmm('a').spec.directory)
      await stage.pass(enough)
      stage.mustRun(...names)
      stage.expect(stage.starts('a') === 2, 'a was started anew')
      for (const name of names) stage.expect(has(stage.vmm(name).credentials, 'second'), `${name} has an old value`)
    },
  },
  {
    name: 'the controller dies while a VM goes for a new value and does not know who is ready',
    async play(stage) {
      const write = await three(stage, 'first')
      stage.faulty = true
      const { host } = stage
      // The last one goes first, since it is not ready.
      stage.vmm('c').guest = { ...stage.vmm('c').guest, tcp: () => false }
      await stage.passUntil(() => stage.readyOf('c') === 'False', enough)
      write('second')
      await stage.passUntil(() => stage.vmm('c').presses === 1, enough)
      host.kill()
      await stage.passUntil(() => stage.vmm('c').state === 'shutdown', enough)
      for (const name of names) host.files.unlink(`${stage.vmm(name).spec.directory}/ready`)
      await goesOn(stage, 'second')
    },
  },
  {
    name: 'the controller dies while a VM goes for a new value, and the value changes again',
    async play(stage) {
      const write = await three(stage, 'first')
      stage.faulty = true
      const { host } = stage
      write('second')
      await stage.passUntil(() => stage.vmm('b').presses === 1, enough)
      host.kill()
      stage.expect(stage.vmm('b').up, 'b does not serve any more')
      write('third')
      await goesOn(stage, 'third')
    },
  },
  {
    name: 'a secret changes and one of its VMs may not start',
    async play(stage) {
      const write = await three(stage, 'first')
      // From now on the name is taken.
      stage.host.net.setAlias('vm-a', 'of somebody else')
      await stage.pass(5000)
      write('second')
      await stage.pass(enough)
      stage.mustRun(...names)
      stage.expect(has(stage.vmm('a').credentials, 'first'), 'a was started anew')
      for (const name of ['b', 'c'])
        stage.expect(has(stage.vmm(name).credentials, 'second'), `${name} has an old value`)
    },
  },
]

/** Three VMs with one Secret, up; the answered call changes its value. */
async function three(stage: Stage, value: string): Promise<(value: string) => void> {
  const write = (next: string) =>
    stage.write('base.yaml', image('small'), network('n1'), secret('token', { token: `${canary}-${next}` }))
  const items = [{ name: 'key', source: { secretKeyRef: { name: 'token', key: 'token' } } }]
  write(value)
  for (const [index, name] of names.entries())
    stage.write(`${name}.yaml`, networked(name, 'n1', 10 + index, { credentials: { items } }))
  await stage.start()
  await stage.pass(enough)
  stage.mustRun(...names)
  return write
}

/** The next controller brings the value to all of them, one after the other. */
async function goesOn(stage: Stage, value: string): Promise<void> {
  const { host } = stage
  stage.watch(() => {
    const down = names.filter((name) => (host.process.vmm(`default.${name}`)?.presses ?? 1) > 0)
    stage.expect(down.length < 2, `I8: ${down.join()} went at a time`)
  })
  host.start()
  await stage.pass(2 * enough)
  for (const name of names) stage.expect(has(stage.vmm(name).credentials, value), `${name} has an old value`)
}

async function twice(stage: Stage, pauses: readonly number[], fate: Fate): Promise<void> {
  const write = await three(stage, 'first')
  stage.faulty = true
  const { process } = stage.host
  let about = ''
  let between = false
  process.hooks.open = ({ name }) =>
    between && fate === 'does not start' && name === 'default.a' ? 'qemu: cannot allocate memory' : null
  stage.watch(() => {
    const first = process.vmm('default.a')
    if (between && fate === 'crashes' && first && has(first.credentials, '-1') && first.up) first.crash()
    const down = names.filter((name) => !process.vmm(`default.${name}`)?.up)
    if (down.length > 1) stage.expect(false, `I8: ${down.join()} were down at a time, ${about}`)
  })
  for (const [turn, pause] of pauses.entries()) {
    about = `${pause} ms between two values`
    between = true
    write(`${turn}-1`)
    await stage.pass(pause)
    between = false
    write(`${turn}-2`)
    await stage.pass(fate === 'lives' ? enough : 2 * enough)
    for (const name of names)
      stage.expect(has(stage.vmm(name).credentials, `${turn}-2`), `${about}: ${name} has an old value`)
  }
}

/** In base64, as the transport has it. */
function has(credentials: ReadonlyMap<string, Uint8Array>, end: string): boolean {
  return [...credentials.values()].some((bytes) => {
    const [, value = ''] = /key=(.*)$/.exec(new TextDecoder().decode(bytes)) ?? []
    return Buffer.from(value, 'base64').toString().endsWith(end)
  })
}
