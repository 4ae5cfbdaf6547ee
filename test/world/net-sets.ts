import fc from 'fast-check'
import type { RuleSets } from '../../src/host-state.ts'

/** Names that are words of nft(8) and ip(8) too. */
const words = ['ip', 'all', 'drop', 'if7', '7', 'dev', 'any', 'a.b_c-d', 'vm-slot1', 'abcdefghijklmno']
const name = fc.constantFrom(...words, 'br-a', 'br-b', 'lo')
const byte = fc.nat(255)
const mac = fc
  .tuple(byte, byte, byte, byte, byte, byte)
  .map((bytes) => bytes.map((each) => each.toString(16).padStart(2, '0')).join(':'))
const address = fc.tuple(byte, byte, byte, byte).map((bytes) => bytes.join('.'))

function elements(element: fc.Arbitrary<string>): fc.Arbitrary<readonly string[]> {
  return fc.uniqueArray(element, { maxLength: 12 }).map((all) => all.sort())
}

const names = elements(name)
const withMac = elements(fc.tuple(name, mac).map((parts) => parts.join(' . ')))
const withAddress = elements(fc.tuple(name, address).map((parts) => parts.join(' . ')))
/** Of different first bytes, so that none overlap. */
const subnets = fc
  .uniqueArray(fc.integer({ min: 1, max: 223 }), { maxLength: 8 })
  .chain((firsts) =>
    fc.tuple(...firsts.map((first) => fc.integer({ min: 8, max: 32 }).map((length) => `${first}.0.0.0/${length}`))),
  )
  .map((all) => all.sort())

/** Any sets, sorted as they are everywhere. */
export const anySets: fc.Arbitrary<RuleSets> = fc.record({
  portMacs: withMac,
  portAddresses: withAddress,
  portUnfiltered: names,
  portIPv6: names,
  portIsolated: names,
  gateways: withAddress,
  hostServices: names,
  hostOpen: names,
  outbound: names,
  inbound: names,
  peers: names,
  masquerade: subnets,
})
