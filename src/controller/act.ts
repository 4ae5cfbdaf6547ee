import type { Action } from '../action.ts'
import { type MachineHost, StartError } from '../host/machine-host.ts'
import { applyNetwork } from '../host/network.ts'
import type { VolumeHost } from '../host/volume.ts'
import type { HostFeatures } from '../hypervisor/driver.ts'
import { driverOf } from '../hypervisor/index.ts'
import { carriedOf, digestSchema, type MachineRecord, type StartedRecord } from '../ledger.ts'
import type { Credential } from '../secret/credentials.ts'
import { type DigestKey, revisionOf } from '../secret/revision.ts'
import type { World } from '../world/world.ts'
import type { Hands } from './executor.ts'
import { changeRecord, forgetRecord, type LedgerStore } from './ledger.ts'

export interface ActDeps {
  readonly world: World
  readonly ledger: LedgerStore
  readonly machines: MachineHost
  readonly volumes: VolumeHost
  readonly features: () => HostFeatures
  readonly key: DigestKey
  /** The values for one VM as they are now. */
  readonly credentials: (uid: string) => Promise<readonly Credential[]>
}

/** What each action is on this host, with what the ledger has to know before and after it. */
export function newHands(deps: ActDeps): Hands {
  const { world, ledger, machines, volumes } = deps
  return {
    async network(actions, signal) {
      for (const action of actions) {
        if (action.kind === 'setForwarding' && action.recordPrior)
          await ledger.change((current) => ({ ...current, forwardingPrior: false }))
      }
      const errors = await applyNetwork(world.net, ledger.current.root, actions, signal)
      for (const [index, action] of actions.entries()) {
        if (action.kind === 'setForwarding' && !action.value && errors[index] === null) {
          await ledger.change((current) => ({ ...current, forwardingPrior: null }))
        }
      }
      return errors
    },
    async act(action, signal) {
      switch (action.kind) {
        case 'createVolume':
          return volumes.create(action.volume, signal)
        case 'attachVolume':
          return volumes.attach(action.volume, action.user, signal)
        case 'deleteVolume':
          return volumes.delete(action.name, action.ownerUid, signal)
        case 'startMachine':
          return start(deps, action, signal)
        case 'resumeMachine':
          return machines.resume(action.uid, signal)
        case 'stopMachine':
          return machines.stop(action.uid, action.powerOff, action.deadline, signal)
        case 'replugNic':
          return machines.replug(action.uid, action.tap, signal)
        case 'concludeMachine':
          return conclude(deps, action, signal)
        case 'forgetMachine':
          await machines.forget(action.uid)
          return ledger.change(forgetRecord(action.uid))
        default:
          throw new Error(`${action.kind} is an action of the network`)
      }
    },
  }
}

async function start(
  deps: ActDeps,
  action: Extract<Action, { kind: 'startMachine' }>,
  signal: AbortSignal,
): Promise<void> {
  const { world, ledger, machines, key } = deps
  const { machine, reason } = action
  const credentials = await deps.credentials(machine.uid)
  const revision = credentials.length > 0 ? revisionOf(credentials, key) : null
  if (revision?.digest !== machine.credentials?.digest)
    throw new Error('its credentials changed meanwhile; the next pass starts it')
  const driver = driverOf(machine.boot.hypervisor)!
  const at = world.clock.now()
  const record = ledger.current.machines[machine.uid]
  if (!record) throw new Error('its record is gone meanwhile; the next pass starts it')
  const { count } = record.restarts
  // One more try of a start that came to nothing was counted when it was tried first.
  const again = reason === 'Created' || record.started?.ended === null
  const restarts = again ? record.restarts : { count: count + 1, last: { reason, at } }
  const started: StartedRecord = {
    incarnation: Buffer.from(world.random.bytes(4)).toString('hex'),
    at,
    bootId: world.process.bootId(),
    schema: digestSchema,
    digests: machine.digests,
    credentials: revision,
    powerOff: driver.powerOff(machine.boot, machine.graceSeconds),
    accel: driver.accel(machine.boot, deps.features()),
    carried: { ...carriedOf(record), restarts },
    ended: null,
  }
  // Before the VMM is spawned: a controller that dies in between finds a start that came to nothing, never a VMM that
  // nobody knows.
  await ledger.change(changeRecord(machine.uid, (now) => ({ ...now, started, graceSeconds: null, restarts })))
  const values = credentials.map(({ value }) => value)
  try {
    await machines.start(machine, started, values, signal)
  } catch (error) {
    const isUndone = error instanceof StartError && error.undone
    // A disk that takes nothing has its own warning: what is told here is why it did not start.
    if (isUndone) await ledger.change(changeRecord(machine.uid, asUndone)).catch(() => undefined)
    throw error
  }
}

/** The wish to run outlives a reboot when nothing ran: what ends with the host takes a wish with it. */
function asUndone(record: MachineRecord): MachineRecord {
  return { ...record, started: record.started && { ...record.started, undone: true } }
}

async function conclude(
  deps: ActDeps,
  action: Extract<Action, { kind: 'concludeMachine' }>,
  signal: AbortSignal,
): Promise<void> {
  const { ledger, machines, world } = deps
  const at = world.clock.now()
  // First: a runtime folder that is gone says that its end is written down, or that it never came to be.
  await ledger.change(
    changeRecord(action.uid, (record) => ({
      ...record,
      started: record.started && { ...record.started, ended: { how: action.end, at } },
      crashes: action.crashes,
      power: { ...record.power, wish: action.power },
    })),
  )
  const user = ledger.current.machines[action.uid]?.user
  if (user !== undefined) await machines.conclude(action.uid, user, signal)
}
