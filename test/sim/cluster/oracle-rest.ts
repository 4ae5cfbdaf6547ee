import { countIn, memberOf, texts } from '../../../src/api/loose.ts'
import { mapsIn } from '../../../src/api/rule.ts'
import type { ApiObject } from '../../../src/kubernetes/resource.ts'
import { secretValue, team, type WantedVm } from './objects.ts'
import type { Vmms } from './oracle-vmms.ts'
import { conditionOf, nodeOf, type Running, type Sight } from './sight.ts'

/** I: At rest everything is as it is wanted: each VM that fits is Ready where it is bound, and nothing else is there. */
export function judgeRest(sight: Sight, { running }: Vmms): void {
  const { cluster, operator, fail } = sight
  for (const each of [...cluster.hosts, ...cluster.managers])
    if (each.failure !== null) fail('I', `${each.name} ended by itself`, String(each.failure))
  for (const [name, vm] of operator.vms) judgeMachine(sight, name, vm, running)
  for (const { name, uid, host } of running) {
    const object = cluster.mirror.get('MicroVM', team, name)
    if (object?.metadata.uid !== uid || !operator.vms.has(name))
      fail('I', `${name} runs on ${host.name} and nobody wants it`)
    else if (nodeOf(object) !== host.name) fail('I', `${name} runs on ${host.name} and is bound to ${nodeOf(object)}`)
  }
  judgeDeletions(sight)
  judgeRoles(sight)
  judgeReports(sight)
}

function judgeMachine(sight: Sight, name: string, vm: WantedVm, running: readonly Running[]): void {
  const { cluster, operator, fail } = sight
  const object = cluster.mirror.get('MicroVM', team, name)
  if (object === undefined) {
    fail('I', `${name} is not there`)
    return
  }
  const { metadata, status } = object
  if (metadata.deletionTimestamp !== undefined) {
    if (!isHeld(sight, object)) fail('I', `${name} is still being deleted`)
    return
  }
  const node = nodeOf(object)
  const ready = conditionOf(object, 'Ready')
  const said = `${ready?.status} ${ready?.reason}: ${ready?.message}`
  if (node === null) {
    const why = whyNot(sight, vm)
    if (why === null) fail('I', `${name} is bound to no host`, said)
    else if (ready?.reason !== 'Unschedulable') fail('I', `${name} is bound to no host`, why, said)
    return
  }
  if (operator.off.has(node)) {
    if (ready?.status === 'True') fail('I', `${name} is Ready on ${node}, which is off`)
    const stays = whyNot(sight, vm) !== null || hasStateOn(sight, vm, node)
    if (operator.fenced.has(node) && !stays) fail('I', `${name} stays on ${node}, which is fenced`, said)
    return
  }
  const there = running.find((one) => one.uid === metadata.uid)
  if (vm.strategy === 'Halted') {
    if (there) fail('I', `${name} is Halted and runs on ${there.host.name}`)
    return
  }
  if (there === undefined) {
    fail('I', `${name} does not run on ${node}`, said)
    return
  }
  const argv = there.vmm.spec.argv.join(' ')
  if (!argv.includes(`-m size=${vm.memory * 1024}K`)) fail('I', `${name} has not ${vm.memory} MiB`, said)
  if (ready?.status !== 'True') fail('I', `${name} runs on ${node} and is not Ready`, said)
  if (countIn(status, 'observedGeneration') !== metadata.generation) fail('I', `${name} observes an old generation`)
  const values = [...there.vmm.credentials.values()].map((bytes) => new TextDecoder().decode(bytes)).join(' ')
  if (vm.secret === null) return
  const value = secretValue(vm.secret, operator.secrets.get(vm.secret) ?? 0)
  if (!values.includes(value) && !values.includes(Buffer.from(value).toString('base64')))
    fail('I', `${name} has not the newest value of ${vm.secret}`, said)
}

/** Why a VM need not be bound; null when it must. */
function whyNot({ cluster, operator }: Sight, vm: WantedVm): string | null {
  const hosts = cluster.hosts.filter(({ name }) => {
    return !operator.off.has(name) && !operator.tainted.has(name) && !operator.fenced.has(name)
  })
  if (hosts.length === 0) return 'no host takes anything'
  if (vm.pin !== null && !hosts.some(({ name }) => name === vm.pin)) return `${vm.pin} takes nothing`
  const network = cluster.mirror.get('MicroVMNetwork', '', vm.network)
  if (network === undefined || network.metadata.deletionTimestamp !== undefined) return `${vm.network} goes`
  const state = vm.state === null ? undefined : cluster.mirror.get('MicroVMState', team, vm.state)
  const place = state === undefined ? null : nodeOf(state)
  if (place !== null && !hosts.some(({ name }) => name === place)) return `its state is on ${place}`
  if (place !== null && vm.pin !== null && place !== vm.pin) return `its state is on ${place}`
  const bound = [...cluster.mirror.of('MicroVM').values()].filter((one) => nodeOf(one) !== null).length
  if (operator.quota !== null && bound >= operator.quota) return `${bound} VMs are bound`
  return null
}

function hasStateOn({ cluster }: Sight, vm: WantedVm, node: string): boolean {
  const state = vm.state === null ? undefined : cluster.mirror.get('MicroVMState', team, vm.state)
  return state !== undefined && nodeOf(state) === node
}

/** Whether something of it may be on a host that is off and not fenced. */
function isHeld({ operator }: Sight, object: ApiObject): boolean {
  const node = nodeOf(object)
  return node !== null && operator.off.has(node) && !operator.fenced.has(node)
}

/** G: Nothing that was deleted lingers, but what is in use, or may be on a host of which nobody knows. */
function judgeDeletions(sight: Sight): void {
  const { cluster, fail } = sight
  const machines = [...cluster.mirror.of('MicroVM').values()]
  for (const [kind, object] of cluster.mirror.everything()) {
    const { name, deletionTimestamp } = object.metadata
    if (deletionTimestamp === undefined || isHeld(sight, object)) continue
    const isUsed = machines.some(({ spec }) => JSON.stringify(memberOf(spec, 'interfaces') ?? []).includes(`"${name}"`))
    if (kind !== 'MicroVMNetwork' || !isUsed) fail('G', `${kind} ${name} is still being deleted`)
  }
}

/** I: A host that is on reports the VMs that are bound to it, and no others. */
function judgeReports({ cluster, operator, fail }: Sight): void {
  for (const { name } of cluster.hosts) {
    if (operator.off.has(name)) continue
    const object = cluster.mirror.get('MicroVMHost', '', name)
    const reported = mapsIn(object?.status, 'machines').map((each) => String(each.uid))
    const bound = [...cluster.mirror.of('MicroVM').values()].filter((one) => nodeOf(one) === name)
    const expected = bound.map(({ metadata }) => metadata.uid)
    if (reported.sort().join() !== expected.sort().join())
      fail('I', `${name} reports ${reported.join()}, and ${expected.join()} are bound to it`)
  }
}

/** H: A Role of a host grants the Secrets that VMs bound there name, and no others. */
function judgeRoles({ cluster, fail }: Sight): void {
  const wanted = new Map<string, Set<string>>()
  for (const object of cluster.mirror.of('MicroVM').values()) {
    const node = nodeOf(object)
    const items = mapsIn(memberOf(object.spec, 'credentials'), 'items')
    for (const { source } of items) {
      const name = String(memberOf(memberOf(source, 'secretKeyRef'), 'name'))
      if (node !== null) wanted.set(node, (wanted.get(node) ?? new Set()).add(name))
    }
  }
  for (const { name } of cluster.hosts) {
    const role = cluster.mirror.get('Role', team, `moorage-host-${name}`)
    const names = mapsIn(role, 'rules').flatMap((rule) => texts(rule, 'resourceNames'))
    const expected = [...(wanted.get(name) ?? [])].sort().join()
    if (names.sort().join() !== expected)
      fail('H', `the Role of ${name} grants ${names.join()}, and ${expected} is named`)
  }
}
