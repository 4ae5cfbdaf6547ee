import type { Action, RulesChange } from '../src/action.ts'
import type { Link, Observed, ObservedMachine, RuleSets } from '../src/host-state.ts'
import {
  carriedOf,
  digestSchema,
  type Ledger,
  type MachineRecord,
  newRecord,
  type RootIdentity,
} from '../src/ledger.ts'
import { emptyRuleSets, ruleSetNames } from '../src/plan/rules.ts'

/** A host and its ledger in memory: what each action does when it succeeds, as a value. */
export interface MemoryHost {
  readonly observed: Observed
  readonly ledger: Ledger
  readonly now: number
}

export const root: RootIdentity = { id: '0badcafe', group: 771 }

export function emptyHost(): MemoryHost {
  return {
    now: 1_000_000_000,
    ledger: { version: 1, root, forwardingPrior: null, machines: {} },
    observed: {
      bootId: 'boot-1',
      forwarding: false,
      links: [],
      rules: { chains: null, reference: 'chains-1', sets: emptyRuleSets, foreign: [] },
      machines: [],
      volumes: [],
      inFlight: [],
    },
  }
}

/** The host after one action. Throws where the real host would refuse, so that a plan in a wrong order is seen. */
export function apply(host: MemoryHost, action: Action): MemoryHost {
  const { observed, ledger } = host
  const withObserved = (change: Partial<Observed>): MemoryHost => ({ ...host, observed: { ...observed, ...change } })
  const withLinks = (links: readonly Link[]) => withObserved({ links })
  const link = (name: string) => observed.links.find((one) => one.name === name)
  switch (action.kind) {
    case 'setForwarding': {
      const forwardingPrior = action.recordPrior ? observed.forwarding : action.value ? ledger.forwardingPrior : null
      return { ...withObserved({ forwarding: action.value }), ledger: { ...ledger, forwardingPrior } }
    }
    case 'ensureBridge': {
      const { bridge } = action
      const there = link(bridge.name)
      if (action.mend.includes('add') && there) throw new Error(`File exists: ${bridge.name}`)
      const made = there ?? newLink(bridge.name, 'bridge')
      return withLinks(
        replace(observed.links, {
          ...made,
          alias: bridge.alias,
          group: root.group,
          up: true,
          mtu: bridge.mtu ?? made.mtu,
          addresses: [bridge.address],
        }),
      )
    }
    case 'ensureTap': {
      const { tap } = action
      const there = link(tap.name)
      if (action.mend.includes('add') && there) throw new Error(`File exists: ${tap.name}`)
      if (!link(tap.bridge)) throw new Error(`Cannot find device: ${tap.bridge}`)
      const made = there ?? newLink(tap.name, 'tun')
      return withLinks(
        replace(observed.links, {
          ...made,
          alias: tap.alias,
          group: root.group,
          up: true,
          user: there ? made.user : tap.user,
          master: tap.bridge,
          mtu: tap.mtu ?? made.mtu,
        }),
      )
    }
    case 'removeLink': {
      const holder = observed.machines.find(
        (one) => one.phase !== 'Gone' && link(action.name)?.alias.endsWith(`/${one.owner.namespace}/${one.owner.name}`),
      )
      if (holder && link(action.name)?.kind === 'tun' && link(action.name)?.user === holder.user) {
        throw new Error(`removes ${action.name} under running ${holder.uid}`)
      }
      const rest = observed.links.filter((one) => one.name !== action.name || one.index !== action.index)
      return withLinks(rest.map((one) => (one.master === action.name ? { ...one, master: null } : one)))
    }
    case 'ensureRules':
      return withObserved({
        rules: {
          ...observed.rules,
          chains: observed.rules.reference,
          sets: changeSets(observed.rules.sets, action.change),
        },
      })
    case 'removeRules':
      return withObserved({ rules: { ...observed.rules, chains: null, sets: emptyRuleSets } })
    case 'createVolume': {
      if (observed.volumes.some((one) => one.name === action.volume.name)) throw new Error('EEXIST')
      const { name, owner, ownerUid, ephemeral, size } = action.volume
      return withObserved({
        volumes: [...observed.volumes, { name, owner, ownerUid, ephemeral, size, user: 0, fault: null }],
      })
    }
    case 'attachVolume': {
      const volume = observed.volumes.find((one) => one.name === action.volume.name)
      if (!volume) throw new Error('ENOENT')
      const before = observed.machines.find((one) => one.user === volume.user && one.phase !== 'Gone')
      if (before) throw new Error(`takes ${volume.name} from running ${before.uid}`)
      const rest = observed.volumes.filter((one) => one !== volume)
      return withObserved({ volumes: [...rest, { ...volume, user: action.user }] })
    }
    case 'deleteVolume':
      return withObserved({ volumes: observed.volumes.filter((one) => one.name !== action.name) })
    case 'startMachine':
      return start(host, action)
    case 'resumeMachine':
      return withObserved({ machines: patch(observed.machines, action.uid, { phase: 'Running' }) })
    case 'replugNic':
      return withObserved({ machines: patch(observed.machines, action.uid, { detachedNics: [] }) })
    case 'stopMachine':
      return withObserved({ machines: patch(observed.machines, action.uid, { phase: 'Gone', end: 'Stopped' }) })
    case 'concludeMachine': {
      const machines = observed.machines.filter((one) => one.uid !== action.uid)
      const record = ledger.machines[action.uid]
      if (!record) return withObserved({ machines })
      const started = record.started && { ...record.started, ended: { how: action.end, at: host.now } }
      const power = { ...record.power, wish: action.power }
      return withRecord(withObserved({ machines }), action.uid, { ...record, started, crashes: action.crashes, power })
    }
    case 'forgetMachine': {
      const { [action.uid]: _gone, ...machines } = ledger.machines
      return { ...host, ledger: { ...ledger, machines } }
    }
  }
}

function start(host: MemoryHost, action: Extract<Action, { kind: 'startMachine' }>): MemoryHost {
  const { observed, ledger, now } = host
  const { machine } = action
  if (observed.machines.some((one) => one.uid === machine.uid)) throw new Error(`a second VMM of ${machine.uid}`)
  for (const nic of machine.boot.nics) {
    const tap = observed.links.find((one) => one.name === nic.tap)
    if (!tap || tap.user !== machine.user) throw new Error(`no TAP ${nic.tap} for ${machine.uid}`)
  }
  for (const disk of machine.boot.disks) {
    if (!disk.volume) continue
    const volume = observed.volumes.find((one) => one.name === disk.volume)
    if (!volume || volume.user !== machine.user) throw new Error(`no volume ${disk.volume} for ${machine.uid}`)
  }
  const { power: wish, runStrategy: strategy } = machine
  const record = ledger.machines[machine.uid] ?? newRecord(machine.owner, machine.user, strategy, wish)
  const started: NonNullable<MachineRecord['started']> = {
    incarnation: '00000001',
    at: now,
    bootId: observed.bootId,
    schema: digestSchema,
    digests: machine.digests,
    credentials: machine.credentials,
    powerOff: { method: 'qmp-powerdown', graceSeconds: machine.graceSeconds },
    accel: 'tcg',
    carried: carriedOf(record),
    ended: null,
  }
  const seen: ObservedMachine = {
    uid: machine.uid,
    id: machine.id,
    owner: machine.owner,
    user: machine.user,
    phase: 'Running',
    started,
    ready: true,
    end: null,
    resets: 0,
    pid: 4711,
    detachedNics: [],
  }
  const after = { ...host, observed: { ...observed, machines: [...observed.machines, seen] } }
  return withRecord(after, machine.uid, { ...record, started })
}

function withRecord(host: MemoryHost, uid: string, record: MachineRecord): MemoryHost {
  return { ...host, ledger: { ...host.ledger, machines: { ...host.ledger.machines, [uid]: record } } }
}

function patch(machines: readonly ObservedMachine[], uid: string, change: Partial<ObservedMachine>): ObservedMachine[] {
  return machines.map((one) => (one.uid === uid ? { ...one, ...change } : one))
}

function replace(links: readonly Link[], link: Link): Link[] {
  return [...links.filter((one) => one.name !== link.name), link]
}

let nextIndex = 100
export function newLink(name: string, kind: string): Link {
  nextIndex += 1
  return {
    name,
    index: nextIndex,
    kind,
    alias: '',
    group: 0,
    master: null,
    mac: '02:00:00:00:00:00',
    mtu: 1500,
    up: false,
    carrier: false,
    user: null,
    addresses: [],
  }
}

function changeSets(sets: RuleSets, change: RulesChange): RuleSets {
  if (change.mode === 'replace') return change.sets
  const changed = ruleSetNames.map((name) => {
    const kept = sets[name].filter((element) => !change.remove[name]?.includes(element))
    return [name, [...new Set([...kept, ...(change.add[name] ?? [])])].sort()]
  })
  return Object.fromEntries(changed) as RuleSets
}
