import { type Fields, image, network, networked, secret, withState } from '../../host/stage-manifests.ts'
import { Stage } from '../stage.ts'
import type { Drill } from './drill.ts'

/** What keeps `z` from ever becoming what it should be; everything else on the host works. */
interface Trouble {
  readonly name: string
  /** Its spec, beside what the others have. */
  readonly spec?: Fields
  /** Makes it fail, again and again. Answers how often it did. */
  strike(stage: Stage): () => number
}

/** Virtual milliseconds: the first pause after a failure, by which a bad object may delay others; law 12. */
const interval = 10_000

/** How long the others are given; a drill without trouble takes a tenth. */
const patience = 120_000

const troubles: readonly Trouble[] = [
  {
    name: 'its VMM dies at once',
    strike: ({ host }) =>
      counted((hit) => {
        host.process.hooks.open = ({ name }) => (hit(name === 'default.z') ? 'qemu: cannot allocate memory' : null)
      }),
  },
  {
    name: 'its VMM never greets',
    strike: ({ host }) =>
      counted((hit) => {
        host.process.hooks.greeting = ({ name }) => (hit(name === 'default.z') ? 'never' : 0)
      }),
  },
  {
    name: 'its disk cannot be formatted',
    spec: withState('home-z'),
    strike: ({ host }) =>
      counted((hit) => {
        host.process.hooks.run = ({ argv }) =>
          hit(argv.some((word) => word.includes('home-z'))) ? { code: 1, stdout: '', stderr: 'out of memory' } : null
      }),
  },
  {
    name: 'formatting its disk hangs',
    spec: withState('home-z'),
    strike: ({ host }) =>
      counted((hit) => {
        host.process.hooks.run = ({ argv }) => (hit(argv.some((word) => word.includes('home-z'))) ? 'hang' : null)
      }),
  },
  {
    name: 'its TAP cannot be made',
    strike: ({ host }) =>
      counted((hit) => {
        host.net.faults = {
          operationFails: (operation) =>
            hit(operation.op === 'addTap' && operation.name === 'vm-z') ? 'Cannot allocate memory' : null,
        }
      }),
  },
  {
    name: 'its TAP cannot be set up',
    strike: ({ host }) =>
      counted((hit) => {
        host.net.faults = {
          operationFails: (operation) =>
            hit(operation.op === 'setUp' && operation.name === 'vm-z') ? 'Cannot allocate memory' : null,
        }
      }),
  },
]

/** I12: while an object fails whatever is tried, the others come, change and go as if it were not there. */
export const delayDrills: readonly Drill[] = troubles.map((trouble) => ({
  name: `others do not wait for a VM: ${trouble.name}`,
  async play(stage) {
    stage.faulty = true
    const alone = new Stage('others do not wait for a VM')
    const without = await timesOf(alone)
    for (const sentence of alone.end()) stage.expect(false, sentence)
    const strikes = trouble.strike(stage)
    // It shares no secret with them: VMs that do are restarted one by one, and wait for one that is not ready (I8).
    stage.write('z.yaml', networked('z', 'n1', 99, trouble.spec))
    const before = strikes()
    const times = await timesOf(stage)
    for (const [what, time] of Object.entries(times)) {
      const late = time - without[what]!
      stage.expect(late <= interval, `I12: while z fails, ${what} takes ${late} ms longer`)
    }
    stage.expect(strikes() > before, 'nothing kept z from running')
    stage.expect(!(stage.host.process.vmm('default.z')?.up ?? false), 'z runs')
  },
}))

/** How long each thing takes that somebody wants of `a`, `b` and `c`, in milliseconds. */
async function timesOf(stage: Stage): Promise<Readonly<Record<string, number>>> {
  const { host } = stage
  const took: Record<string, number> = {}
  const until = async (what: string, done: () => boolean) => {
    const from = host.time
    await host.pass(patience, done)
    took[what] = host.time - from
  }
  const up = (...names: readonly string[]) => names.every((name) => stage.readyOf(name) === 'True')
  stage.write('base.yaml', image('small'), network('n1'), secret('token', { token: 'one' }))
  host.start()
  for (const [index, name] of ['a', 'b', 'c'].entries())
    stage.write(`${name}.yaml`, networked(name, 'n1', 10 + index, { credentials, ...withState(`home-${name}`) }))
  await until('a first start', () => up('a', 'b', 'c'))
  stage.write('a.yaml', networked('a', 'n1', 10, { credentials, memory: '96Mi', ...withState('home-a') }))
  await until('a restart', () => host.process.spawned.filter(({ name }) => name === 'default.a').length > 1 && up('a'))
  host.process.kill(stage.vmm('b').pid)
  await until('a start after a crash', () => stage.starts('b') > 1 && up('b'))
  host.net.deleteLink('vm-c')
  await until('a new TAP', () => stage.linked('c') && up('c'))
  stage.write('base.yaml', image('small'), network('n1'), secret('token', { token: 'two' }))
  const again = ['a', 'b', 'c'].map((name) => [name, stage.starts(name)] as const)
  await until('a new secret', () => again.every(([name, starts]) => stage.starts(name) > starts && up(name)))
  stage.remove('c.yaml')
  await until('a deletion', () => !stage.runs('c') && !stage.linked('c'))
  await host.pass(2000)
  return took
}

const credentials = { items: [{ name: 'key', source: { secretKeyRef: { name: 'token', key: 'token' } } }] }

/** Counts the calls of a hook that it keeps from succeeding. */
function counted(install: (hit: (mine: boolean) => boolean) => void): () => number {
  let hits = 0
  install((mine) => {
    if (mine) hits += 1
    return mine
  })
  return () => hits
}
