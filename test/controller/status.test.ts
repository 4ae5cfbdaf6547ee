import { describe, expect, test } from 'vitest'
import { getCondition } from '../../src/api/conditions.ts'
import { parseManifest } from '../../src/api/manifest.ts'
import { keyOf, refOf } from '../../src/api/meta.ts'
import type { MicroVMStatus } from '../../src/api/microvm-status.ts'
import { statusesOf } from '../../src/controller/status/status.ts'
import type { PassView } from '../../src/controller/status/view.ts'
import type { Accepted, SourceProblem } from '../../src/source/source.ts'
import { emptyHost, type MemoryHost } from '../memory-host.ts'
import { converge, inputOf, planOf, type Specs, uidOf } from '../plan/scenario.ts'

const network = `
apiVersion: moorage.dev/v1alpha1
kind: MicroVMNetwork
metadata: { name: one }
spec: { subnet: 10.1.0.0/24 }
---
apiVersion: moorage.dev/v1alpha1
kind: MicroVMImage
metadata: { name: debian }
spec: { architecture: amd64, source: { hostPath: { kernel: { path: /var/lib/moorage/images/vmlinuz } } } }
---
`
const vm = (name: string, more = '') => `
apiVersion: moorage.dev/v1alpha1
kind: MicroVM
metadata: { name: ${name} }
spec:
  vcpu: 1
  memory: 256Mi
  image: { name: debian }
  interfaces: [{ name: eth0, network: { name: one } }]
${more}
---
`
const base = network + vm('dns')
const secret = '  credentials: { items: [{ name: token, source: { secretKeyRef: { name: shared, key: token } } }] }'

type Change = (host: MemoryHost) => MemoryHost
const patch =
  (name: string, change: object): Change =>
  (host) => ({
    ...host,
    observed: {
      ...host.observed,
      machines: host.observed.machines.map((one) => (one.owner.name === name ? { ...one, ...change } : one)),
    },
  })

/** The statuses after one pass over a host that `ran` made and `change` changed. */
function statuses(
  specs: Specs,
  ran: string | null,
  change: Change = (host) => host,
  newer: readonly SourceProblem[] = [],
) {
  const host = change(ran === null ? emptyHost() : converge({ text: ran }, emptyHost()))
  const { plan, resolved } = planOf(specs, host)
  const input = inputOf(specs, host)
  const view: PassView = {
    ...resolved,
    observed: host.observed,
    plan,
    facts: { images: input.images, credentials: input.credentials },
    failures: new Map(),
    nodeName: 'host-a',
    hypervisorVersion: '7.2.22',
    now: host.now,
    time: new Date(host.now).toISOString(),
  }
  const objects: Accepted[] = parseManifest(specs.text).map(({ object }) => {
    const key = keyOf(object!)
    const mine = key.startsWith('MicroVM/') ? newer : []
    return {
      key,
      ref: refOf(object!),
      uid: uidOf(key),
      generation: 3,
      object: object!,
      origin: { machine: true },
      deletion: null,
      newer: mine,
      createdAt: 1,
    }
  })
  return statusesOf(view, objects, new Map())
}

function row(all: ReadonlyMap<string, unknown>, name = 'dns') {
  const status = all.get(`MicroVM/default/${name}`) as MicroVMStatus
  const say = (type: string) => {
    const condition = getCondition(status.conditions ?? [], type)
    return condition ? `${condition.status} ${condition.reason}` : 'absent'
  }
  return {
    phase: status.phase,
    Ready: say('Ready'),
    Available: say('Available'),
    Reconciling: say('Reconciling'),
    Stalled: say('Stalled'),
    RestartRequired: say('RestartRequired'),
  }
}

const quiet = { Reconciling: 'absent', Stalled: 'absent', RestartRequired: 'absent' }

describe('conditions of a MicroVM, case by case', () => {
  test('running, probe passes', () => {
    expect(row(statuses({ text: base }, base))).toEqual({
      phase: 'Running',
      Ready: 'True Running',
      Available: 'True Running',
      ...quiet,
    })
  })

  test('running, probe fails', () => {
    expect(row(statuses({ text: base }, base, patch('dns', { ready: false })))).toEqual({
      phase: 'Running',
      Ready: 'False NotReady',
      Available: 'False NotReady',
      ...quiet,
    })
  })

  test('not there yet', () => {
    expect(row(statuses({ text: base }, null))).toMatchObject({
      phase: 'Pending',
      Ready: 'False Progressing',
      Available: 'False NotRunning',
      Reconciling: 'True Progressing',
    })
  })

  test('Halted', () => {
    const halted = network + vm('dns', '  runStrategy: Halted')
    expect(row(statuses({ text: halted }, halted))).toEqual({
      phase: 'Stopped',
      Ready: 'True Halted',
      Available: 'False NotRunning',
      ...quiet,
    })
  })

  test('Once and done', () => {
    const once = network + vm('dns', '  runStrategy: Once')
    const over: Change = (host) =>
      converge({ text: once }, patch('dns', { phase: 'Ended', end: 'GuestShutdown' })(host))
    expect(row(statuses({ text: once }, once, over))).toEqual({
      phase: 'Stopped',
      Ready: 'True Completed',
      Available: 'False NotRunning',
      ...quiet,
    })
  })

  test('restart queued behind a neighbour', () => {
    const two = network + vm('a', secret) + vm('b', secret)
    const all = statuses({ text: two, revisions: { shared: '2' } }, two)
    expect(row(all, 'b')).toEqual({
      phase: 'Running',
      Ready: 'False RestartQueued',
      Available: 'True Running',
      Reconciling: 'True RestartQueued',
      Stalled: 'absent',
      RestartRequired: 'True SecretRotated',
    })
  })

  test('crash loop', () => {
    const loop: Change = (host) => {
      const uid = uidOf('MicroVM/default/dns')
      const record = host.ledger.machines[uid]!
      const ended = { how: 'Crashed', at: 1 }
      const machines = {
        [uid]: { ...record, crashes: { count: 4, retryAt: host.now + 90_000 }, started: { ...record.started!, ended } },
      }
      return { ...host, observed: { ...host.observed, machines: [] }, ledger: { ...host.ledger, machines } }
    }
    expect(row(statuses({ text: base }, base, loop))).toMatchObject({
      phase: 'Failed',
      Ready: 'False CrashLoopBackOff',
      Available: 'False NotRunning',
      Reconciling: 'True CrashLoopBackOff',
    })
  })

  test('bad edit while running', () => {
    const newer = [
      { file: '/etc/moorage/manifests/a.yaml', line: 7, column: 3, message: 'unknown field spec.memroy', key: null },
    ]
    const all = statuses({ text: base }, base, undefined, newer)
    expect(row(all)).toMatchObject({
      phase: 'Running',
      Ready: 'False InvalidSpec',
      Available: 'True Running',
      Stalled: 'True InvalidSpec',
      Reconciling: 'absent',
    })
    const status = all.get('MicroVM/default/dns') as MicroVMStatus
    expect(getCondition(status.conditions ?? [], 'Ready')?.message).toBe(
      '/etc/moorage/manifests/a.yaml:7:3: unknown field spec.memroy',
    )
  })

  test('conflict over an address', () => {
    const two = network + vm('a').replace('name: one } }]', 'name: one }, address: 10.1.0.9 }]') + vm('b')
    const clash = two.replace(/(name: b [\s\S]*?name: one \}) \}\]/, '$1, address: 10.1.0.9 }]')
    expect(row(statuses({ text: clash }, two), 'b')).toMatchObject({
      phase: 'Running',
      Ready: 'False Conflict',
      Available: 'True Running',
      Stalled: 'True Conflict',
    })
  })

  test('its VMM does not answer', () => {
    expect(row(statuses({ text: base }, base, patch('dns', { phase: 'Stuck' })))).toMatchObject({
      phase: 'Unknown',
      Ready: 'Unknown Stuck',
      Available: 'False NotReady',
    })
  })

  test('a status that did not change is the very same value', () => {
    const first = statuses({ text: base }, base)
    const host = converge({ text: base }, emptyHost())
    expect(host.observed.machines).toHaveLength(1)
    const again = statuses({ text: base }, base)
    expect(JSON.stringify([...again])).toBe(JSON.stringify([...first]))
  })
})
