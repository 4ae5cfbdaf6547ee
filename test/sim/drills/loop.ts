import { FileError } from '../../../src/world/files.ts'
import { type Fields, image, network, networked, withState } from '../../host/stage-manifests.ts'
import { paths } from '../host.ts'
import type { Stage } from '../stage.ts'
import { canary } from '../wanted.ts'
import type { Drill } from './drill.ts'

/** Virtual milliseconds in which a start or a stop comes to its end. */
const enough = 20_000

/** Stories of the loop itself: what wakes it, what it writes down, and what happens while it looks. */
export const loopDrills: readonly Drill[] = [
  {
    name: 'something fails and nothing else happens on the host',
    async play(stage) {
      stage.faulty = true
      let tools = 0
      stage.host.process.hooks.run = () => (tools++ < 1 ? 'hang' : null)
      await lone(stage, withState('data'))
      // An action has 90 seconds; the rounds are at 60 and 120.
      await stage.pass(95_000)
      stage.mustRun('a')
      stage.expect(tools > 1, 'nothing was tried again')
    },
  },
  {
    name: 'the ledger cannot be written once',
    async play(stage) {
      // Behind the first VM: with it the ledger is written for forwarding, too.
      await lone(stage)
      stage.faulty = true
      let failures = 0
      stage.host.files.hook = ({ name, path, phase }) => {
        if (phase === 'after' || name !== 'create' || !path.startsWith(`${paths.ledger}/machines/`)) return
        if (failures++ === 0) throw new FileError('ENOSPC', path, `ENOSPC: ${path}`)
      }
      stage.write('b.yaml', networked('b', 'n1', 11))
      await stage.pass(enough)
      stage.mustRun('a', 'b')
      stage.expect(failures > 1, 'nothing was tried again')
    },
  },
  {
    name: 'a VM starts anew while passes are slow and have something to write down',
    async play(stage) {
      const items = Array.from({ length: 12 }, (_, index) => {
        stage.host.files.write(`/run/secrets/k${index}`, `${canary}-${index}`, 0o600)
        return { name: `k${index}`, source: { file: { path: `/run/secrets/k${index}` } } }
      })
      const fields = { credentials: { items }, terminationGracePeriodSeconds: 20 }
      await lone(stage, fields)
      await stage.pass(enough)
      // Credential files are read in each pass, behind the look at the ledger: most of a pass is a thought.
      stage.host.hooks.latency = () => 3
      for (let turn = 1; turn <= 14; turn += 1) {
        const { guest } = stage.vmm('a')
        stage.vmm('a').guest = { ...guest, button: 900 + 43 * turn }
        for (let writes = 0; writes < 24; writes += 1) {
          const runStrategy = writes % 2 === 0 ? 'Always' : 'RerunOnFailure'
          stage.write('a.yaml', vm({ ...fields, runStrategy, restartToken: `t${turn}` }))
          await stage.pass(90)
        }
        await stage.pass(5000)
        stage.mustRun('a')
        stage.expect(stage.starts('a') === turn + 1, `a was started ${stage.starts('a')} times and not ${turn + 1}`)
      }
    },
  },
  {
    name: 'a VM is halted while its NIC is plugged in again',
    async play(stage) {
      const fields = { terminationGracePeriodSeconds: 1 }
      await lone(stage, fields)
      stage.host.process.hooks.qmp = (_, command) =>
        command.startsWith('netdev_') ? { kind: 'late', milliseconds: 2500 } : null
      stage.host.net.deleteLink('vm-a')
      await stage.pass(500)
      stage.write('a.yaml', vm({ ...fields, runStrategy: 'Halted' }))
      await stage.pass(enough)
      stage.expect(!stage.runs('a'), 'a is Halted and runs')
    },
  },
  {
    name: 'a harm to a bridge is mended in one go',
    async play(stage) {
      const { net } = stage.host
      const done: string[] = []
      const { onLog } = stage.host
      stage.host.onLog = (level, message, fields) => {
        onLog(level, message, fields)
        if (message === 'done' && 'action' in fields) done.push(String(fields.action))
      }
      await lone(stage)
      const harms: readonly (() => void)[] = [
        () => net.removeAddress('br-n1', '10.1.0.1/24'),
        () => net.addAddress('br-n1', '10.77.0.1/24'),
        () => {
          net.removeAddress('br-n1', '10.1.0.1/24')
          net.addAddress('br-n1', '10.1.0.9/24')
        },
        () => {
          // It goes with the one that was there before it.
          net.removeAddress('br-n1', '10.1.0.1/24')
          net.addAddress('br-n1', '10.1.0.9/24')
          net.addAddress('br-n1', '10.1.0.1/24')
        },
      ]
      for (const [turn, harm] of harms.entries()) {
        done.length = 0
        harm()
        await stage.pass(5000)
        stage.expect(done.join() === 'ensureBridge/br-n1', `harm ${turn} was mended by ${done.join()}`)
        stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), `harm ${turn}: a is not reached`)
      }
      stage.mustHaveRunThroughout('a')
    },
  },
  {
    name: 'manifests lie where nobody reads any more',
    async play(stage) {
      const folders = (above: string, count: number) => {
        for (let at = 0; at < count; at += 1) stage.host.files.folder(`${paths.manifests}/${above}${at}`)
      }
      folders('d', 4990)
      stage.write('z/y/b.yaml', networked('b', 'n1', 11))
      await lone(stage)
      stage.mustRun('a', 'b')
      // Past the limit of 5,000; those one deeper come last.
      folders('d0/e', 20)
      stage.host.controller?.wakeups.wake('asked')
      await stage.pass(4000)
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
]

function vm(spec: Fields = {}) {
  return networked('a', 'n1', 10, spec)
}

async function lone(stage: Stage, spec: Fields = {}): Promise<void> {
  stage.write('base.yaml', image('small'), network('n1'))
  stage.write('a.yaml', vm(spec))
  await stage.start()
}
