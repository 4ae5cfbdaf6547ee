import { expect, test } from 'vitest'
import { newsDesk } from '../../src/host/machine/news.ts'
import { handClock } from './scripted.ts'

function desk() {
  const clock = handClock()
  let stirs = 0
  const take = newsDesk(clock, () => {
    stirs += 1
  })
  return { clock, stirs: () => stirs, take: (name: string) => take({ name, data: {}, at: 1 }) }
}

test('what ends or changes a guest is told at once, each time', () => {
  const { take, stirs } = desk()
  for (const name of ['SHUTDOWN', 'STOP', 'RESUME', 'POWERDOWN', 'GUEST_PANICKED']) take(name)
  expect(stirs()).toBe(5)
})

test('a burst of resets is told once, a second later, and the last one of it is not lost', () => {
  const { clock, take, stirs } = desk()
  for (let count = 0; count < 100; count++) {
    take('RESET')
    clock.pass(9)
  }
  expect(stirs()).toBe(0)
  clock.pass(100)
  expect(stirs()).toBe(1)
  take('RESET')
  clock.pass(1000)
  expect(stirs()).toBe(2)
})

test('what changes nothing is not told', () => {
  const { clock, take, stirs } = desk()
  for (const name of ['RTC_CHANGE', 'BALLOON_CHANGE', 'NIC_RX_FILTER_CHANGED', 'VSERPORT_CHANGE']) take(name)
  clock.pass(10_000)
  expect(stirs()).toBe(0)
})
