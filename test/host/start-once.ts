/** A controller in miniature for a test that kills it: starts the machine of its arguments, says so, and stays. */
import { machineHost } from '../../src/host/machine-host.ts'
import type { Machine } from '../../src/host-state.ts'
import type { HostFeatures } from '../../src/hypervisor/driver.ts'
import type { StartedRecord } from '../../src/ledger.ts'
import { Secret } from '../../src/secret/secret.ts'
import { hostWorld } from './host-world.ts'

interface Order {
  readonly run: string
  readonly machine: Machine
  readonly started: StartedRecord
  readonly features: HostFeatures
}

const order = JSON.parse(process.argv[2] ?? '') as Order
const host = machineHost({
  world: hostWorld(),
  paths: { run: order.run },
  features: () => order.features,
  log: { warn: () => {}, info: () => {} },
})
const secrets = order.machine.boot.credentials.map(({ length }) => new Secret(new Uint8Array(length).fill(0x63)))
process.stdout.write('starting\n')
await host.start(order.machine, order.started, secrets, new AbortController().signal)
process.stdout.write('started\n')
setInterval(() => {}, 1000)
