import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { checkout } from '../setup/paths.mjs'
import { needsNamespace } from './namespace.ts'
import { openStage, type Stage } from './stage.ts'
import { needsStage } from './stage-guest.ts'
import { image, network, networked, withState, yaml } from './stage-manifests.ts'
import { until } from './stage-until.ts'

/** Where cgroup2 is mounted on this machine; null: nowhere. */
const hierarchy = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1] ?? null

const group = `moorage-test-${process.pid}`
const groups = ['pod-1', 'pod-2', 'vms'].map((name) => join(hierarchy ?? '', group, name))

let stage: Stage | null = null

beforeEach((context) => {
  needsNamespace(context, 'makes links and control groups')
  needsStage(context)
  context.skip(hierarchy === null, 'needs a mounted cgroup2')
  for (const folder of groups) mkdirSync(folder, { recursive: true })
})

afterEach(async () => {
  await stage?.close()
  stage = null
  for (const folder of [...groups, join(hierarchy ?? '', group)]) {
    await until(`${folder} is empty`, 10, () => {
      if (existsSync(folder)) rmdirSync(folder)
      return true
    })
  }
})

/** What the DaemonSet of the overlay `capabilities` allows, but for what its command needs to get there. */
function capabilities(): readonly string[] {
  const text = readFileSync(join(checkout, 'manifests/overlays/capabilities/agent.yaml'), 'utf8')
  const [daemonSet] = parseAllDocuments(text).map((one) => one.toJS())
  const all: string[] = daemonSet.spec.template.spec.containers[0].securityContext.capabilities.add
  return all.filter((name) => name !== 'SYS_ADMIN').map((name) => name.toLowerCase())
}

/** Everything in a control group is killed, as a runtime does with a pod's. */
function endPod(folder: string): void {
  writeFileSync(join(folder, 'cgroup.kill'), '1')
}

test('a VM outlives the pod of its agent, and the next one finds it; with the capabilities of the overlay', async () => {
  const pod = `/sys/fs/cgroup/${group}`
  // A mount namespace and a control group of its own each time, and no more rights than it says.
  const bounds = ['-all', ...capabilities().map((name) => `+${name}`)].join(',')
  const enter = `mount -t cgroup2 cgroup2 /sys/fs/cgroup; for pod in 1 2; do
    if ! grep -q populated.1 ${pod}/pod-$pod/cgroup.events; then echo $$ > ${pod}/pod-$pod/cgroup.procs; break; fi; done
    exec setpriv --bounding-set=${bounds} --inh-caps=-all -- "$@"`
  const within = ['unshare', '--mount', '--propagation=private', 'sh', '-euc', enter, 'pod']
  const here = await openStage({ config: { cgroup: `${pod}/vms` }, within })
  stage = here
  here.write('all.yaml', yaml(network('n1'), image('small'), networked('slot', 'n1', 2, withState('slot'))))
  await here.start()
  await here.ready(60, 'slot')
  const vmm = here.pidOf('slot')
  expect(readFileSync(`/proc/${here.pid}/status`, 'utf8')).toMatch(/^CapBnd:\t0000000000/m)
  expect(readFileSync(`/proc/${here.pid}/cgroup`, 'utf8')).toContain(`${group}/pod-1`)
  expect(readFileSync(`/proc/${vmm}/cgroup`, 'utf8')).toContain(`${group}/vms`)

  endPod(groups[0]!)
  await until(
    'the agent is gone',
    10,
    () => !existsSync(`/proc/${here.pid}`) || readFileSync(`/proc/${here.pid}/stat`, 'utf8').includes(') Z'),
  )
  expect(here.pidOf('slot')).toBe(vmm)
  await here.end()
  await here.start()
  await here.ready(30, 'slot')
  expect(here.pidOf('slot')).toBe(vmm)
  await here.settled(30)

  here.remove('all.yaml')
  await until('nothing is left of it', 60, () => here.vmms().length === 0)
})

test('a VM that would end with the pod is not started', async () => {
  const here = await openStage({ config: { cgroup: '/tmp' } })
  stage = here
  here.write('all.yaml', yaml(network('n1'), image('small'), networked('slot', 'n1', 2)))
  await here.start()
  await until('it is told', 30, async () => /cannot be moved into \/tmp/.test(here.log()))
  expect(here.vmms()).toEqual([])
})
