import { describe, expect, test } from 'vitest'
import { emptySets } from '../../../src/world/linux/net/nft-sets.ts'
import type { NetOperation } from '../../../src/world/net.ts'
import { netContract } from '../../world/contract/net.ts'
import { manualClock } from '../../world/manual-clock.ts'
import { SimNet } from './net.ts'

const root = { id: '0c0c0c03', group: 0x0c0c0c03 }

describe('contract', () =>
  netContract(async () => {
    const net = new SimNet({ root })
    const later =
      <Words extends unknown[]>(act: (...words: Words) => void) =>
      async (...words: Words) =>
        act.apply(net, words)
    return {
      root,
      net,
      hands: {
        deleteLink: later(net.deleteLink),
        addLink: later(net.addLink),
        setDown: later(net.setDown),
        takeOffBridge: later(net.takeOffBridge),
        setAlias: later(net.setAlias),
        addAddress: later(net.addAddress),
        removeAddress: later(net.removeAddress),
        flushRuleset: later(net.flushRuleset),
        deleteOurTables: later(net.deleteOurTables),
        removeElement: later(net.removeElement),
        alterChains: later(net.alterChains),
        addForeignTable: later(net.addForeignTable),
        setForwarding: later(net.setForwarding),
      },
      async open(name, user) {
        let lost = false
        const close = net.open(name, user, () => {
          lost = true
        })
        return { close: async () => close(), lost: () => lost }
      },
    }
  }))

const never = new AbortController().signal
const alias = (name: string) => `moorage:${root.id}/MicroVM/default/${name}`
const bridge = (name: string): NetOperation => ({ op: 'addBridge', name, alias: alias(name), group: root.group })
const tap = (name: string): NetOperation => {
  return { op: 'addTap', name, alias: alias(name), group: root.group, user: 64_001 }
}
const up = (name: string): NetOperation => ({ op: 'setUp', name })
const put = (name: string, master: string): NetOperation => ({ op: 'setMaster', name, master })
const replace: NetOperation = { op: 'replaceRules', sets: { ...emptySets, peers: ['br-a'] } }
const forward: NetOperation = { op: 'setForwarding', value: true }
const names = (net: SimNet) => net.links().map(({ name }) => name)
const link = (net: SimNet, name: string) => net.links().find((each) => each.name === name)
const errors = async (net: SimNet, ...operations: NetOperation[]) =>
  (await net.commit(operations, never)).map(({ error }) => error)
const removal = (net: SimNet, name: string): NetOperation => {
  return { op: 'removeLink', name, index: link(net, name)!.index }
}

describe('faults', () => {
  test('a dump fails in the words it is given', async () => {
    const net = new SimNet({ root })
    net.faults = { dumpFails: () => 'nft cannot list' }
    await expect(net.dump(never)).rejects.toThrow('nft cannot list')
    net.faults = {}
    expect((await net.dump(never)).links).toHaveLength(1)
  })

  test('an operation that fails is not applied, and what needs its link is not tried', async () => {
    const net = new SimNet({ root })
    net.faults = { operationFails: (operation) => (operation === made ? 'Cannot allocate memory' : null) }
    const made = bridge('br-a')
    expect(await errors(net, made, up('br-a'), tap('vm-a'), put('vm-a', 'br-a'), up('vm-a'))).toEqual([
      'br-a cannot be made: Cannot allocate memory',
      'not tried: br-a could not be made',
      null,
      'not tried: br-a could not be made',
      null,
    ])
    expect(link(net, 'vm-a')).toMatchObject({ up: true, master: null })
    expect(names(net)).toEqual(['lo', 'vm-a'])
  })

  test('a removal that fails keeps its link, and the others go', async () => {
    const net = new SimNet({ root })
    await errors(net, tap('vm-a'), tap('vm-b'))
    net.faults = { operationFails: (operation) => (operation === a ? 'Device or resource busy' : null) }
    const a = removal(net, 'vm-a')
    expect(await errors(net, a, removal(net, 'vm-b'))).toEqual([
      'vm-a cannot be removed: Device or resource busy',
      null,
    ])
    expect(names(net)).toEqual(['lo', 'vm-a'])
  })

  test('rules fail as one, forwarding stays off without them, and links go on', async () => {
    const net = new SimNet({ root })
    const change: NetOperation = { op: 'changeRules', add: { peers: ['br-b'] }, remove: {} }
    const refused = 'nft refuses our tables: Out of memory; see `nft list tables`'
    net.faults = { rulesFail: () => 'Out of memory' }
    expect(await errors(net, replace, tap('vm-a'), change, forward)).toEqual([
      refused,
      null,
      refused,
      'forwarding stays off while our rules cannot be loaded',
    ])
    expect(net.rules().chains).toBeNull()
    expect(net.forwarding).toBe(false)
    net.faults = { operationFails: ({ op }) => (op === 'changeRules' ? 'Out of memory' : null) }
    expect(await errors(net, replace, change)).toEqual([null, '"br-b" cannot be added to peers: Out of memory'])
    expect(net.rules().sets.peers).toEqual(['br-a'])
    net.faults = { operationFails: ({ op }) => (op === 'setForwarding' ? 'Read-only file system' : null) }
    expect(await errors(net, forward)).toEqual(['Read-only file system'])
    expect(net.forwarding).toBe(false)
  })

  test('a commit that is cut does so many operations and throws; rules are one and forwarding comes last', async () => {
    const operations = [forward, tap('vm-a'), up('vm-a'), replace, tap('vm-b')]
    const cutAt = async (commitCut: number) => {
      const net = new SimNet({ root })
      net.faults = { commitCut: () => commitCut }
      await expect(net.commit(operations, never)).rejects.toThrow('cut short')
      return [names(net).slice(1), link(net, 'vm-a')?.up, net.rules().chains !== null, net.forwarding]
    }
    expect(await cutAt(0)).toEqual([[], undefined, false, false])
    expect(await cutAt(2)).toEqual([['vm-a'], false, false, false])
    expect(await cutAt(3)).toEqual([['vm-a'], true, false, false])
    expect(await cutAt(4)).toEqual([['vm-a'], true, true, false])
    expect(await cutAt(5)).toEqual([['vm-a', 'vm-b'], true, true, true])
  })

  test('what is cut within an operation is half made', async () => {
    const net = new SimNet({ root })
    net.faults = { commitCut: () => 1.5 }
    await expect(net.commit([bridge('br-a'), tap('vm-a'), up('vm-a')], never)).rejects.toThrow()
    expect(link(net, 'br-a')).toMatchObject({ alias: alias('br-a') })
    expect(link(net, 'vm-a')).toMatchObject({ alias: '', group: 0, user: 64_001, up: false })
    net.faults = { commitCut: () => 0.5 }
    await expect(net.commit([bridge('br-b')], never)).rejects.toThrow()
    expect(link(net, 'br-b')).toMatchObject({ alias: '', group: root.group })
  })

  test('removals that are cut before the last are down and elsewhere, and all there', async () => {
    const net = new SimNet({ root })
    await errors(net, tap('vm-a'), tap('vm-b'), up('vm-a'), up('vm-b'))
    const removals = [removal(net, 'vm-a'), removal(net, 'vm-b')]
    net.faults = { commitCut: () => 1 }
    await expect(net.commit(removals, never)).rejects.toThrow()
    expect(link(net, 'vm-a')).toMatchObject({ up: false, alias: alias('vm-a') })
    expect(link(net, 'vm-a')?.group).not.toBe(root.group)
    expect(link(net, 'vm-b')).toMatchObject({ up: true, group: root.group })
    net.faults = { commitCut: () => 1, operationFails: (operation) => (operation === removals[1] ? 'busy' : null) }
    await expect(net.commit(removals, never)).rejects.toThrow()
    expect(names(net)).toEqual(['lo', 'vm-a', 'vm-b'])
    net.faults = {}
    await errors(net, ...removals)
    expect(names(net)).toEqual(['lo'])
  })

  test('an ip that is killed fails all links, whatever it did, and nothing else', async () => {
    const net = new SimNet({ root })
    net.faults = { linksCut: () => 1 }
    const killed = 'ip failed without a word; see whether something ended it'
    expect(await errors(net, tap('vm-a'), up('vm-a'), replace, forward)).toEqual([killed, killed, null, null])
    expect(link(net, 'vm-a')).toMatchObject({ up: false })
    expect(net.rules().chains).toBe(net.rules().reference)
  })

  test('a call takes its time on the clock, the change in the middle, and ends on abort', async () => {
    const clock = manualClock()
    const net = new SimNet({ root, clock })
    net.faults = { latency: () => 10 }
    const done: string[] = []
    const committing = net.commit([tap('vm-a')], never).then(() => done.push('commit'))
    const dumping = net.dump(never).then(({ links }) => done.push(`dump of ${links.length}`))
    await clock.advance(4)
    expect(names(net)).toEqual(['lo'])
    await clock.advance(1)
    net.addLink({ name: 'eth0', kind: '' })
    expect(names(net)).toEqual(['eth0', 'lo', 'vm-a'])
    expect(done).toEqual([])
    await clock.advance(5)
    expect(done).toEqual(['commit', 'dump of 2'])
    await Promise.all([committing, dumping])
    const abort = new AbortController()
    const aborted = net.commit([tap('vm-b')], abort.signal)
    await clock.advance(1)
    abort.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect(names(net)).not.toContain('vm-b')
  })
})

test('who closes a TAP twice does not close it for the next', async () => {
  const net = new SimNet({ root })
  await errors(net, tap('vm-a'), up('vm-a'))
  const close = net.open('vm-a', 64_001, () => {})
  close()
  net.open('vm-a', 64_001, () => {})
  close()
  expect(link(net, 'vm-a')).toMatchObject({ carrier: true })
})

describe('for oracles', () => {
  test('every change tells once what changed, and what changes nothing tells nobody', async () => {
    const told: string[] = []
    const net = new SimNet({ root, changed: (what) => told.push(what) })
    const tells = async (act: () => unknown) => {
      told.length = 0
      await act()
      return told.join(' ')
    }
    expect(await tells(() => errors(net, tap('vm-a')))).toBe('links')
    expect(await tells(() => errors(net, up('vm-a')))).toBe('links')
    expect(await tells(() => errors(net, up('vm-a')))).toBe('')
    expect(await tells(() => net.dump(never))).toBe('')
    expect(await tells(() => errors(net, replace))).toBe('rules')
    const again: NetOperation = { op: 'changeRules', add: { peers: ['br-a'] }, remove: { inbound: ['br-a'] } }
    expect(await tells(() => errors(net, again))).toBe('')
    expect(await tells(() => net.removeElement('peers', 'br-a'))).toBe('rules')
    expect(await tells(() => errors(net, again))).toBe('rules')
    expect(await tells(() => net.deleteLink('vm-a'))).toBe('links')
    expect(await tells(() => net.flushRuleset())).toBe('rules')
    expect(await tells(() => errors(net, { op: 'removeRules' }))).toBe('')
    expect(await tells(() => errors(net, forward))).toBe('links')
  })

  test('links and rules are the same values until they change', async () => {
    const net = new SimNet({ root })
    await errors(net, tap('vm-a'), tap('vm-b'), replace)
    const [links, rules] = [net.links(), net.rules()]
    expect(net.links()).toBe(links)
    expect(net.rules()).toBe(rules)
    expect((await net.dump(never)).links).toBe(links)
    net.setDown('vm-a')
    await errors(net, up('vm-a'))
    expect(net.links()).not.toBe(links)
    expect(link(net, 'vm-b')).toBe(links.find(({ name }) => name === 'vm-b'))
    expect(links.find(({ name }) => name === 'vm-a')).toMatchObject({ up: false })
  })

  test('a change to what is not ours is a violation, unless nobody could know', async () => {
    const net = new SimNet({ root })
    net.addLink({ name: 'br-x', kind: 'bridge' })
    await errors(net, bridge('br-x'), tap('vm-a'), up('vm-a'))
    await errors(net, removal(net, 'vm-a'))
    expect(net.foreignChanged).toBe(false)
    await net.dump(never)
    await errors(net, tap('vm-a'), put('vm-a', 'br-x'), { op: 'addAddress', name: 'lo', address: '10.1.0.1/24' })
    expect(net.violations).toEqual([
      'setMaster on br-x (index 2, alias "", group 0), which is not ours',
      'addAddress on lo (index 1, alias "", group 0), which is not ours',
    ])
    expect(net.foreignChanged).toBe(true)
    net.deleteLink('vm-a')
    net.addLink({ name: 'vm-a', kind: 'tun', alias: 'mine' })
    await errors(net, up('vm-a'))
    expect(net.violations).toHaveLength(2)
    expect(net.races).toEqual(['setUp on vm-a (index 5, alias "mine", group 0), which is not ours'])
    await net.dump(never)
    await errors(net, removal(net, 'vm-a'))
    expect(net.violations).toHaveLength(3)
    await errors(net, tap('vm-b'))
    net.faults = { commitCut: () => 1 }
    await expect(net.commit([removal(net, 'vm-b'), removal(net, 'br-x')], never)).rejects.toThrow()
    expect(net.violations).toHaveLength(3)
  })
})
