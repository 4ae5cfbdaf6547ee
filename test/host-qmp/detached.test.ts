import { expect, test } from 'vitest'
import { detachedNics, moment } from '../../src/host/machine/detached.ts'
import type { Link } from '../../src/host-state.ts'
import { handClock } from './scripted.ts'

const nics = [{ name: 'eth0', tap: 'vm-one' }]

const link = (change: Partial<Link>): ReadonlyMap<string, Link> => {
  const identity = { name: 'vm-one', index: 7, kind: 'tun', alias: '', group: 0, master: 'br', mac: '', mtu: 1500 }
  return new Map([['vm-one', { ...identity, up: true, carrier: true, user: 1, addresses: [], ...change }]])
}

function seen() {
  const clock = handClock()
  let woken = 0
  const detached = detachedNics({ clock }, () => {
    woken += 1
  })
  return { clock, detached, woken: () => woken, look: (change: Partial<Link>) => detached.of('u', nics, link(change)) }
}

test('a link that is up without a carrier for a moment has lost its VMM; a wakeup comes when it is time to look', () => {
  const { clock, look, woken } = seen()
  expect(look({ carrier: false })).toEqual([])
  clock.pass(moment - 1)
  expect(look({ carrier: false })).toEqual([])
  expect(woken()).toBe(0)
  clock.pass(1)
  expect(woken()).toBe(1)
  expect(look({ carrier: false })).toEqual(['eth0'])
})

test('one that gets its carrier back, or is made anew meanwhile, counts from the beginning', () => {
  const { clock, look } = seen()
  look({ carrier: false })
  clock.pass(moment)
  expect(look({ carrier: true })).toEqual([])
  expect(look({ carrier: false })).toEqual([])
  clock.pass(moment)
  expect(look({ carrier: false, index: 8 })).toEqual([])
})

test('a link that is down or not there says nothing', () => {
  const { clock, detached, look } = seen()
  look({ carrier: false, up: false })
  clock.pass(moment)
  expect(look({ carrier: false, up: false })).toEqual([])
  expect(detached.of('u', nics, new Map())).toEqual([])
})

test('one that was plugged in anew is forgotten', () => {
  const { clock, detached, look } = seen()
  look({ carrier: false })
  clock.pass(moment)
  detached.forget('u', 'eth0')
  expect(look({ carrier: false })).toEqual([])
})
