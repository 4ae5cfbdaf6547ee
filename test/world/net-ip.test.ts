import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { runLines } from '../../src/world/linux/net/ip.ts'
import { readFailures } from '../../src/world/linux/net/ip-failures.ts'
import { parseDetails, parseLinks } from '../../src/world/linux/net/ip-parse.ts'
import { deviceOf, doomedGroup, linesOf, removalLines } from '../../src/world/linux/net/ip-render.ts'
import { refuse } from '../../src/world/linux/net/link-operation.ts'
import { bridgeMac } from '../../src/world/linux/net/names.ts'

/** As iproute2 6.1 printed it, without the members that nobody reads; links first, then addresses. */
const listing = [
  '[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"qdisc":"noqueue","group":"0","link_type":"[772]","address":"00:00:00:00:00:00"},',
  '{},',
  '{"ifindex":3,"ifname":"vm-a","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"mtu":1500,"master":"br-a","operstate":"DOWN","group":"77","address":"4a:21:e5:7c:1f:fa","ifalias":"moorage:x/MicroVM/default/a"},',
  '{"ifindex":2,"ifname":"br-a","flags":["BROADCAST","MULTICAST"],"mtu":1400,"group":"77","address":"02:aa:bb:cc:dd:ee"},',
  '{"ifindex":9,"ifname":"tun0","flags":["POINTOPOINT"],"mtu":1500,"group":"0","new member":[1]}]\n',
  '[{"ifindex":2,"ifname":"br-a","group":"77","addr_info":[',
  '{"family":"inet","local":"169.254.1.1","prefixlen":16,"scope":"253","label":"br-a"},',
  '{"family":"inet","local":"10.9.0.1","prefixlen":24,"scope":"0"},',
  '{"family":"inet6","local":"fd00::1","prefixlen":64,"scope":"0"},',
  '{"family":"inet","local":"10.1.0.1","prefixlen":24,"scope":"0","secondary":true}]}]\n',
].join('')

describe('a listing of links', () => {
  test('is read, sorted by name, with the addresses of global scope', () => {
    expect(parseLinks(listing)).toEqual([
      {
        name: 'br-a',
        index: 2,
        alias: '',
        group: 77,
        master: null,
        mac: '02:aa:bb:cc:dd:ee',
        mtu: 1400,
        up: false,
        carrier: false,
        addresses: ['10.1.0.1/24', '10.9.0.1/24'],
      },
      {
        name: 'lo',
        index: 1,
        alias: '',
        group: 0,
        master: null,
        mac: '00:00:00:00:00:00',
        mtu: 65536,
        up: true,
        carrier: true,
        addresses: [],
      },
      {
        name: 'tun0',
        index: 9,
        alias: '',
        group: 0,
        master: null,
        mac: '',
        mtu: 1500,
        up: false,
        carrier: false,
        addresses: [],
      },
      {
        name: 'vm-a',
        index: 3,
        alias: 'moorage:x/MicroVM/default/a',
        group: 77,
        master: 'br-a',
        mac: '4a:21:e5:7c:1f:fa',
        mtu: 1500,
        up: true,
        carrier: false,
        addresses: [],
      },
    ])
    expect(parseLinks('[]\n[]\n')).toEqual([])
  })

  test.each([
    ['text', 'Usage: ip link show\n'],
    ['nothing', ''],
    ['without addresses', listing.split('\n')[0] ?? ''],
    ['half of it', listing.slice(0, 300)],
    ['a link without its index', '[{"ifname":"lo","flags":[],"mtu":1,"group":"0"}]\n'],
    ['a group by its name', '[{"ifname":"lo","ifindex":1,"flags":[],"mtu":1,"group":"default"}]\n'],
    ['an object', '{"ifname":"lo"}\n'],
  ])('that is %s is refused in a sentence', (_, stdout) => {
    expect(() => parseLinks(stdout)).toThrow('ip printed something that is no listing of links in JSON')
  })

  test('any bytes give links or that sentence', () => {
    const cut = fc.nat(listing.length).map((at) => listing.slice(0, at))
    const torn = fc
      .tuple(fc.nat(listing.length), fc.string())
      .map(([at, by]) => listing.slice(0, at) + by + listing.slice(at + by.length))
    fc.assert(
      fc.property(fc.oneof(fc.string(), cut, torn), (stdout) => {
        try {
          for (const link of parseLinks(stdout)) expect(link.name).toBeTypeOf('string')
        } catch (error) {
          expect((error as Error).message).toMatch(/^ip printed something/)
        }
      }),
    )
  })

  test('has its details apart: kind, and the owner of a TAP as a number or as a name', () => {
    const tap = (user: string) => `"linkinfo":{"info_kind":"tun","info_data":{"type":"tap","persist":true${user}}}`
    const stdout = [
      `[{"ifindex":3,"ifname":"vm-a","flags":[],${tap(',"user":64001')}}]`,
      `[{"ifindex":4,"ifname":"vm-b","flags":[],${tap(',"user":"daemon"')}}]`,
      `[{"ifindex":5,"ifname":"vm-c","flags":[],${tap('')}}]`,
      '[{"ifindex":2,"ifname":"br-a","linkinfo":{"info_kind":"bridge","info_data":{"stp_state":0}}}]',
      '[{"ifindex":1,"ifname":"eth0"}]',
      '[{"ifindex":6,"ifname":"p1","linkinfo":{"info_slave_kind":"bridge"}}]',
    ].join('\n')
    expect(parseDetails(stdout)).toEqual([
      { name: 'vm-a', index: 3, kind: 'tun', user: 64_001 },
      { name: 'vm-b', index: 4, kind: 'tun', user: 'daemon' },
      { name: 'vm-c', index: 5, kind: 'tun', user: null },
      { name: 'br-a', index: 2, kind: 'bridge', user: null },
      { name: 'eth0', index: 1, kind: '', user: null },
      { name: 'p1', index: 6, kind: '', user: null },
    ])
  })
})

describe('the lines of an operation', () => {
  const text = (...operation: Parameters<typeof linesOf>) => linesOf(...operation).map((line) => line.text)

  test('make a bridge that keeps its MAC and a TAP that has its group before anything else can be done with it', () => {
    expect(text(0, { op: 'addBridge', name: 'br-a', alias: 'moorage:x/y', group: 77 })).toEqual([
      `link add name br-a address ${bridgeMac('moorage:x/y')} group 77 type bridge stp_state 0 forward_delay 0 mcast_snooping 0 no_linklocal_learn 1`,
      'link set dev br-a alias moorage:x/y',
      'link set dev br-a addrgenmode none',
    ])
    expect(text(0, { op: 'addTap', name: 'vm-a', alias: 'moorage:x/y', group: 77, user: 64_001 })).toEqual([
      'tuntap add dev vm-a mode tap user 64001',
      'link set dev vm-a group 77 alias moorage:x/y',
      'link set dev vm-a addrgenmode none',
    ])
  })

  test('of all others are one', () => {
    const lines = [
      text(0, { op: 'setAlias', name: 'a', alias: 'b' }),
      text(0, { op: 'setGroup', name: 'a', group: 1 }),
      text(0, { op: 'setMaster', name: 'a', master: 'b' }),
      text(0, { op: 'setMtu', name: 'a', mtu: 1400 }),
      text(0, { op: 'setUp', name: 'up' }),
      text(0, { op: 'addAddress', name: 'a', address: '10.1.0.1/24' }),
      text(0, { op: 'removeAddress', name: 'a', address: '10.1.0.1/24' }),
    ]
    expect(lines.flat()).toEqual([
      'link set dev a alias b',
      'link set dev a group 1',
      'link set dev a master b',
      'link set dev a mtu 1400',
      'link set dev up up',
      'addr add 10.1.0.1/24 dev a',
      'addr del 10.1.0.1/24 dev a',
    ])
  })

  test('a MAC for a bridge is local, unicast and the same for the same alias', () => {
    fc.assert(
      fc.property(fc.string(), (alias) => {
        expect(bridgeMac(alias)).toMatch(/^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/)
        expect(bridgeMac(alias)).toBe(bridgeMac(alias))
      }),
    )
    expect(bridgeMac('a')).not.toBe(bridgeMac('b'))
  })

  test('several removals go by way of a group, one does not', () => {
    const doomed = ['vm-a', 'vm-b'].map((name, index) => ({
      operation: index,
      name,
      device: deviceOf(name, 7 + index, new Set(['if8'])),
    }))
    expect(removalLines(doomed, 99).map((line) => line.text)).toEqual([
      'link set dev if7 down',
      'link set dev vm-b down',
      'link set dev if7 group 99',
      'link set dev vm-b group 99',
      'link del group 99',
    ])
    expect(removalLines(doomed.slice(0, 1), 99).map((line) => line.text)).toEqual(['link del dev if7'])
    expect(removalLines([], 99)).toEqual([])
  })

  test('the group of the doomed is a valid one that no link is in', () => {
    const group = fc.integer({ min: 1, max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(group, fc.array(group), fc.nat(3), (own, others, near) => {
        const first = doomedGroup(own, new Set())
        const taken = new Set([0, own, ...others, ...Array.from({ length: near }, (_, step) => first + step)])
        const doomed = doomedGroup(own, taken)
        expect(taken.has(doomed)).toBe(false)
        expect(doomed).toBeGreaterThan(0)
        expect(doomed).toBeLessThan(2 ** 31)
      }),
    )
  })

  test('hold nothing but what was given: no name, alias or address can add a word', () => {
    const wild = fc.oneof(
      fc.string(),
      fc.constantFrom('a b', 'a\nlink del dev eth0', 'a#', '"a"', "'", 'a\\', 'é', '-4', 'a;b'),
    )
    fc.assert(
      fc.property(wild, wild, (name, other) => {
        for (const operation of [
          { op: 'setMaster', name, master: other },
          { op: 'setAlias', name, alias: other },
          { op: 'addAddress', name, address: other },
        ] as const) {
          if (refuse(operation) !== null) continue
          const line = linesOf(0, operation)[0]!.text
          expect(line).toMatch(/^[\w :/.-]+$/)
          expect(line.split(' ')).toHaveLength(operation.op === 'addAddress' ? 5 : 6)
        }
      }),
    )
  })
})

describe('what went wrong in a batch', () => {
  const lines = [
    'link set dev a up',
    'link set dev b up',
    'link set dev c master br',
    'link set dev d master br',
    'link set dev e up',
  ]

  test('is told by the number of the line', () => {
    const stderr =
      'Cannot find device "a"\nCommand failed -:1\nError: Device does not allow enslaving.\nRTNETLINK answers: Operation not supported\nCommand failed -:4\n'
    const failures = new Map([
      [0, 'Cannot find device "a"'],
      [3, 'Device does not allow enslaving, Operation not supported'],
    ])
    expect(readFailures(stderr, lines, true)).toEqual({ failures, done: 5 })
    expect(readFailures(stderr, lines, false)).toEqual({ failures, done: 4 })
  })

  test('is found by its argument where ip ended without a number', () => {
    const stderr =
      'Cannot find device "a"\nCommand failed -:1\nError: argument "br" is wrong: Device does not exist\n\n'
    const report = readFailures(stderr, lines, true)
    expect(report.done).toBe(3)
    expect(report.failures.get(2)).toBe('argument "br" is wrong: Device does not exist')
    const later = stderr.replace('-:1', '-:3')
    expect([...readFailures(later, lines, true).failures.keys()]).toEqual([2, 3])
  })

  test('is an error of its own when it cannot be told', () => {
    expect(() => readFailures('Killed\n', lines, true)).toThrow('ip ended without saying at which change: Killed')
    expect(() => readFailures('Error: argument "x" is wrong: no\n', lines, true)).toThrow(
      'without saying at which change',
    )
    expect(() => readFailures('', lines, true)).toThrow('ip failed without a word')
  })

  test('does not include warnings', () => {
    const stderr = 'Warning: sit down.\nCannot find device "a"\nCommand failed -:1\nWarning: again.\n'
    expect(readFailures(stderr, lines, true).failures).toEqual(new Map([[0, 'Cannot find device "a"']]))
  })
})

describe('many lines', () => {
  const lines = Array.from({ length: 3000 }, (_, index) => `link set dev vm-${index} group 1234567`)
  const never = new AbortController().signal
  const ran = async (force: boolean, answer: (stdin: string) => { code: number; stderr: string }) => {
    const batches: string[] = []
    const report = await runLines(
      async ({ stdin = '' }) => {
        batches.push(stdin)
        return { stdout: '', ...answer(stdin) }
      },
      lines,
      force,
      never,
    )
    return { report, batches }
  }
  const failing = (stdin: string) => {
    const at = stdin.split('\n').findIndex((line) => line.includes(' vm-2000 '))
    return at === -1 ? { code: 0, stderr: '' } : { code: 1, stderr: `Cannot find device\nCommand failed -:${at + 1}\n` }
  }

  test('go in pieces that a socket takes whole, none cut within a line', async () => {
    const { report, batches } = await ran(true, () => ({ code: 0, stderr: '' }))
    expect(batches.length).toBeGreaterThan(3)
    for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(32_769)
    expect(batches.join('')).toBe(`${lines.join('\n')}\n`)
    expect(report).toEqual({ failures: new Map(), done: 3000 })
  })

  test('have their failures counted through, and end at the first without force', async () => {
    const forced = await ran(true, failing)
    expect(forced.report).toEqual({ failures: new Map([[2000, 'Cannot find device']]), done: 3000 })
    const { report, batches } = await ran(false, failing)
    expect(report).toEqual({ failures: new Map([[2000, 'Cannot find device']]), done: 2001 })
    expect(batches.length).toBeLessThan(forced.batches.length)
  })
})
