import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatIpv4, parseIpv4, parseSubnet } from '../../src/api/address.ts'

test('addresses and numbers are each other', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), (address) => {
      expect(parseIpv4(formatIpv4(address))).toBe(address)
    }),
  )
})

test('a subnet holds its address and no more than its size', () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.integer({ min: 8, max: 30 }), (address, prefix) => {
      const subnet = parseSubnet(`${formatIpv4(address)}/${prefix}`)
      expect(subnet).toBeDefined()
      if (subnet === undefined) return
      expect(subnet.first <= address && address <= subnet.last).toBe(true)
      expect(subnet.last - subnet.first + 1).toBe(2 ** (32 - prefix))
      expect(subnet.first % 2 ** (32 - prefix)).toBe(0)
    }),
  )
})

test('what is no address is none', () => {
  for (const text of ['', '1.2.3', '1.2.3.4.5', '256.0.0.1', '01.2.3.4', '1.2.3.4 ', ' 1.2.3.4', '::1', '1.2.3.-4']) {
    expect(parseIpv4(text), text).toBeUndefined()
  }
  for (const text of ['10.0.0.0', '10.0.0.0/7', '10.0.0.0/31', '10.0.0.0/08', '10.0.0.0/24 ', '10.0.0.0/24/24']) {
    expect(parseSubnet(text), text).toBeUndefined()
  }
})
