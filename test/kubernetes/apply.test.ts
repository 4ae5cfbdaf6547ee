import { execFile } from 'node:child_process'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { image, network, secret, vm, yaml } from '../host/stage-manifests.ts'
import type { Said } from '../host/stage-namespace.ts'
import { bundle } from '../setup/paths.mjs'
import { type Cluster, hasCluster, needsCluster, openCluster } from './cluster.ts'

let cluster: Cluster

beforeEach(needsCluster)
beforeAll(async () => {
  if (hasCluster) cluster = await openCluster()
})
afterAll(() => cluster?.close())

/** The command against the cluster, with these manifests on stdin. */
function moorage(text: string, command: string, ...args: readonly string[]): Promise<Said> {
  const argv = [bundle, command, '--kubernetes', '--kubeconfig', cluster.kubeconfig, '-f', '-', ...args]
  return new Promise((done) => {
    const child = execFile(process.execPath, argv, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : Number(error.code ?? 128), stdout, stderr })
    })
    child.stdin?.end(text)
  })
}

const vms = (count: number) => Array.from({ length: count }, (_, at) => vm(`vm-${at + 1}`))
const names = async () => (await cluster.kubectl('get', 'microvms', '-o', 'name')).trim().split('\n')

test('plan says what apply would do, and does nothing', async () => {
  const text = yaml(...vms(1), network('n1'), image('small'), secret('app', { k: 'v' }))
  const plan = await moorage(text, 'plan')
  expect(plan).toMatchObject({ code: 2, stderr: '' })
  expect(plan.stdout.trim().split('\n')).toEqual([
    '+ MicroVMNetwork n1 created',
    '+ MicroVMImage small created',
    '+ Secret default/app created',
    '+ MicroVM default/vm-1 created',
  ])
  expect(await cluster.get('microvm', 'vm-1')).toBeNull()
})

test('apply does it; then there is nothing to do', async () => {
  const text = yaml(...vms(5), network('n1'), image('small'))
  expect((await moorage(text, 'apply', '--prune', 'lab')).stdout).toContain('MicroVM default/vm-5 created')
  expect(await moorage(text, 'plan', '--prune', 'lab')).toMatchObject({ code: 0, stdout: 'Everything is as wanted.\n' })
  const wider = text.replace('memory: 80Mi', 'memory: 96Mi')
  expect((await moorage(wider, 'plan', '--prune', 'lab')).stdout).toBe('~ MicroVM default/vm-1 configured\n')
})

test('what is no longer in the set goes, others stay', async () => {
  await cluster.apply(yaml(vm('by-hand')))
  const text = yaml(...vms(4), network('n1'), image('small'))
  expect((await moorage(text, 'apply', '--prune', 'lab')).stdout).toContain('MicroVM default/vm-5 pruned')
  await cluster.kubectl('wait', '--for=delete', 'microvm/vm-5', '--timeout=20s')
  expect(await names()).toContain('microvm.moorage.dev/by-hand')
})

test('a set that lost most of its VMs is refused until it is confirmed', async () => {
  const text = yaml(...vms(1), network('n1'), image('small'))
  const refused = await moorage(text, 'apply', '--prune', 'lab')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('3 of 4 MicroVMs would be deleted')
  expect(await names()).toHaveLength(5)
  expect((await moorage(text, 'apply', '--prune', 'lab', '--confirm-prune')).code).toBe(0)
  await cluster.kubectl('wait', '--for=delete', 'microvm/vm-2', '--timeout=20s')
})

test('fields of somebody else are a conflict that names him, and nothing is taken', async () => {
  await cluster.kubectl(
    'patch',
    'microvm/vm-1',
    '--type=merge',
    '-p',
    '{"spec":{"memory":"128Mi"}}',
    '--field-manager=ann',
  )
  const said = await moorage(yaml(...vms(1)), 'apply')
  expect(said.code).toBe(1)
  expect(said.stderr).toContain('"ann"')
})

test('a server that cannot be reached is one sentence', async () => {
  await cluster.kill('apiserver')
  const said = await moorage(yaml(...vms(1)), 'plan')
  expect(said).toMatchObject({ code: 1, stdout: '' })
  expect(said.stderr).toMatch(/^moorage: the API server https:\/\/10\.254\.0\.1:\d+ cannot be reached: .*\n$/)
  await cluster.start('apiserver')
})
