import type { SimHost } from '../host.ts'
import { reboot } from '../reboot.ts'
import type { SimCluster } from './cluster.ts'
import {
  imageObject,
  networkObject,
  rolloutObject,
  secretObject,
  team,
  tenantObject,
  vmObject,
  type WantedVm,
} from './objects.ts'

/** What the people of a cluster want, and what they did to it. */
export class Operator {
  readonly vms = new Map<string, WantedVm>()
  /** Revision of each Secret. */
  readonly secrets = new Map<string, number>()
  readonly networks = new Set<string>()
  /** VMs that may be bound; null: any number. */
  quota: number | null = null
  /** null: there is no MicroVMRollout. */
  maxUnavailable: number | null = null
  /** Hosts that were turned off and stay so. */
  readonly off = new Set<string>()
  /** Hosts of which somebody said that nothing runs there. */
  readonly fenced = new Set<string>()
  /** Hosts that take nothing new. */
  readonly tainted = new Set<string>()
  /** VMs of which something may start or stop a VMM, since the last rest. */
  readonly touched = new Set<string>()
  /** VMs whose VMM somebody took away by hand, until that is seen. */
  readonly killed = new Set<string>()
  /** VMs of which somebody took the finalizers away, so that two incarnations may be there for a while. */
  readonly forced = new Set<string>()
  /** VMs whose status somebody took away. */
  readonly wiped = new Set<string>()
  /** Whether rollouts or their members changed since the last rest. */
  moved = false
  readonly #cluster: SimCluster

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
  }

  /** What VMs need before there are any. */
  prepare(): void {
    const { kubectl } = this.#cluster
    for (const name of ['n1', 'n2']) {
      this.networks.add(name)
      kubectl.apply(networkObject(name))
    }
    this.setQuota(null)
    kubectl.apply(imageObject())
    for (const name of ['s1', 's2']) this.rotate(name)
  }

  /** Everything was seen at rest: what happens from now on needs a new cause. */
  settle(): void {
    this.touched.clear()
    this.moved = false
  }

  apply(name: string, vm: WantedVm): void {
    if (this.vms.get(name)?.app !== vm.app) this.moved = true
    this.vms.set(name, vm)
    this.touched.add(name)
    this.#cluster.kubectl.apply(vmObject(name, vm))
  }

  delete(name: string): void {
    this.vms.delete(name)
    this.touched.add(name)
    this.#cluster.kubectl.delete('MicroVM', team, name)
  }

  /** As `kubectl replace --force`: deleted, and made again under its name as soon as that is free. */
  recreate(name: string, vm: WantedVm): void {
    this.delete(name)
    this.apply(name, vm)
  }

  /** Deletes it and takes its finalizers away, as people do who wait for a deletion; then makes it again. */
  force(name: string, vm: WantedVm): void {
    const { kubectl } = this.#cluster
    this.delete(name)
    this.forced.add(name)
    kubectl.patch('MicroVM', team, name, { metadata: { finalizers: null } })
    this.apply(name, vm)
  }

  rotate(name: string): void {
    const revision = (this.secrets.get(name) ?? 0) + 1
    this.secrets.set(name, revision)
    for (const [vm, { secret }] of this.vms) if (secret === name) this.touched.add(vm)
    this.#cluster.kubectl.apply(secretObject(name, revision))
  }

  /** Somebody takes the status of a VM away. */
  wipe(name: string): void {
    this.wiped.add(name)
    this.#cluster.kubectl.wipe('MicroVM', team, name)
  }

  annotate(name: string, text: string): void {
    this.#cluster.kubectl.patch('MicroVM', team, name, { metadata: { annotations: { 'example.com/note': text } } })
  }

  setQuota(quota: number | null): void {
    this.quota = quota
    this.#cluster.kubectl.apply(tenantObject([...this.networks], quota))
  }

  setRollout(maxUnavailable: number | null): void {
    this.maxUnavailable = maxUnavailable
    this.moved = true
    for (const [name, { app }] of this.vms) if (app) this.touched.add(name)
    if (maxUnavailable === null) this.#cluster.kubectl.delete('MicroVMRollout', team, 'web')
    else this.#cluster.kubectl.apply(rolloutObject(maxUnavailable))
  }

  /** Deletes a network, and makes it again as soon as its name is free. */
  recreateNetwork(name: string): void {
    this.#cluster.kubectl.delete('MicroVMNetwork', '', name)
    this.#cluster.kubectl.apply(networkObject(name))
    for (const [vm, { network }] of this.vms) if (network === name) this.touched.add(vm)
  }

  taint(host: string, isTainted: boolean): void {
    if (isTainted) this.tainted.add(host)
    else this.tainted.delete(host)
    this.#writeTaints(host)
  }

  /** The host is powered off: nothing runs on it, and nobody starts it again. */
  turnOff({ name }: SimHost): void {
    const host = this.#cluster.host(name)!
    this.#cluster.note(`${name} is turned off`)
    this.off.add(name)
    this.touchAll(name)
    reboot(host, true)
  }

  /** Says that nothing runs on a host that is off: by deleting it, or by a taint. */
  fence(host: string, how: 'delete' | 'taint'): void {
    this.fenced.add(host)
    this.touchAll(host)
    if (how === 'delete') this.#cluster.kubectl.delete('MicroVMHost', '', host)
    else this.#writeTaints(host)
  }

  /** The host is powered on again. */
  turnOn(host: SimHost): void {
    this.#cluster.note(`${host.name} is turned on`)
    this.off.delete(host.name)
    host.start()
  }

  /** Takes back that nothing runs there, once the host is back. */
  unfence(host: string): void {
    this.fenced.delete(host)
    this.#writeTaints(host)
  }

  reboot(host: SimHost): void {
    this.#cluster.note(`${host.name} reboots`)
    this.touchAll(host.name)
    reboot(host, false)
    host.start()
  }

  /** Somebody kills a VMM by hand. */
  killVmm(host: SimHost, pid: number, name: string): void {
    this.#cluster.note(`VMM of ${name} on ${host.name} is killed`)
    this.touched.add(name)
    this.killed.add(name)
    host.process.kill(pid)
  }

  /** Whatever runs there may end. */
  touchAll(host: string): void {
    for (const { name } of this.#cluster.host(host)?.process.vmms() ?? [])
      this.touched.add(name.replace(`${team}.`, ''))
    for (const [name, { metadata, status }] of this.#cluster.mirror.of('MicroVM')) {
      if ((status as { nodeName?: string } | undefined)?.nodeName === host && name) this.touched.add(metadata.name)
    }
  }

  #writeTaints(host: string): void {
    const taints = [
      ...(this.tainted.has(host) ? [{ key: 'drain', effect: 'NoSchedule' }] : []),
      ...(this.fenced.has(host) ? [{ key: 'off', effect: 'OutOfService' }] : []),
    ]
    this.#cluster.kubectl.patch('MicroVMHost', '', host, { spec: { taints } })
  }
}
