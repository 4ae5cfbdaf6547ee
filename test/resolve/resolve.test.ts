import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bounds, formatAddress, netmask, networkOf, overlaps, parseAddress, parseCidr } from '../../src/cidr.ts'
import { bridgeName, macAddress, tapName, volumeName } from '../../src/resolve/names.ts'
import { resolve } from '../../src/resolve/resolve.ts'
import { emptyHost, type MemoryHost } from '../memory-host.ts'
import { inputOf, type Specs, uidOf } from '../plan/scenario.ts'

const head = (kind: string, name: string) =>
  `apiVersion: moorage.dev/v1alpha1\nkind: ${kind}\nmetadata: { name: ${name} }\n`
const image = `${head('MicroVMImage', 'debian')}spec: { architecture: amd64, cmdline: quiet, source: { hostPath: { kernel: { path: /var/lib/moorage/images/k } } } }\n---\n`
const net = (name: string, subnet: string, more = '') =>
  `${head('MicroVMNetwork', name)}spec: { subnet: ${subnet}${more} }\n---\n`
const vm = (name: string, nics: string, more = '') =>
  `${head('MicroVM', name)}spec:\n  vcpu: 1\n  memory: 256Mi\n  image: { name: debian }\n  interfaces: [${nics}]\n${more}---\n`
const nic = (network: string, more = '') => `{ name: eth0, network: { name: ${network} }${more} }`
const operation = (name: string, type: string, target: string, more = '') =>
  `${head('MicroVMOperation', name)}spec: { type: ${type}, microVM: { name: ${target} }, ttlSeconds: 600${more} }\n---\n`

const of = (text: string, host: MemoryHost = emptyHost(), more: Partial<Specs> = {}) =>
  resolve(inputOf({ text, ...more }, host))

describe('names', () => {
  test('are valid interface names and stay what they are', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/), fc.uuid(), (name, uid) => {
        expect(bridgeName(name)).toMatch(/^br-[a-z0-9-]{1,12}$/)
        expect(tapName(uid, name)).toMatch(/^vm-[0-9a-f]{12}$/)
        expect(macAddress(uid, name)).toMatch(/^02(:[0-9a-f]{2}){5}$/)
        expect(volumeName('default', name)).toMatch(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
      }),
    )
    expect(bridgeName('slot1')).toBe('br-slot1')
    expect(volumeName('a', 'x')).not.toBe(volumeName('b', 'x'))
  })
})

describe('cidr', () => {
  test('formats what it parses, and nothing but four octets', () => {
    fc.assert(fc.property(fc.nat(2 ** 32 - 1), (value) => parseAddress(formatAddress(value)) === value))
    for (const bad of ['1.2.3', '1.2.3.4.5', '01.2.3.4', '256.1.1.1', '1.2.3.-4', '', ' 1.2.3.4'])
      expect(parseAddress(bad)).toBeNull()
    for (const bad of ['1.2.3.4', '1.2.3.4/33', '1.2.3.4/', '1.2.3.4/08', '1.2.3.4/8/8'])
      expect(parseCidr(bad)).toBeNull()
  })

  test('knows masks, networks and overlaps', () => {
    expect(netmask(24)).toBe('255.255.255.0')
    expect(netmask(8)).toBe('255.0.0.0')
    expect(networkOf(parseCidr('10.1.7.9/22')!)).toBe('10.1.4.0/22')
    expect(bounds(parseCidr('10.1.7.9/30')!)).toEqual({
      first: parseAddress('10.1.7.8'),
      last: parseAddress('10.1.7.11'),
    })
    expect(overlaps(parseCidr('10.0.0.0/8')!, parseCidr('10.200.0.0/16')!)).toBe(true)
    expect(overlaps(parseCidr('10.1.0.0/24')!, parseCidr('10.1.1.0/24')!)).toBe(false)
  })
})

describe('resolve', () => {
  test('gives an address to whom names none, around those that are named, and keeps it', () => {
    const text =
      image +
      net('one', '10.1.0.0/29') +
      vm('a', nic('one')) +
      vm('b', nic('one', ', address: 10.1.0.2')) +
      vm('c', nic('one'))
    const first = of(text)
    const addresses = (resolved: typeof first) =>
      Object.fromEntries(resolved.machines.map((one) => [one.machine.owner.name, one.interfaces[0]!.address]))
    expect(addresses(first)).toEqual({ a: '10.1.0.3', b: '10.1.0.2', c: '10.1.0.4' })
    const without = text.replace(vm('a', nic('one')), '')
    expect(addresses(of(without, { ...emptyHost(), ledger: first.ledger })).c).toBe('10.1.0.4')
  })

  test('a newcomer gets no address that another one was given, however old it is', () => {
    const one = image + net('one', '10.1.0.0/24')
    const { ledger } = of(one + vm('b', nic('one')))
    const both = of(one + vm('a', nic('one')) + vm('b', nic('one')), { ...emptyHost(), ledger })
    expect(both.machines.map((one) => [one.machine.owner.name, one.interfaces[0]!.address])).toEqual([
      ['a', '10.1.0.3'],
      ['b', '10.1.0.2'],
    ])
  })

  test('a full subnet is a refusal of the one that came last', () => {
    const text = image + net('one', '10.1.0.0/30') + vm('a', nic('one')) + vm('b', nic('one'))
    const { machines, refusals, state } = of(text)
    expect(machines.map((one) => one.machine.owner.name)).toEqual(['a'])
    expect(refusals.map((one) => one.message)).toEqual(['no address is free in 10.1.0.0/30 for interface eth0'])
    expect(state.held).toEqual([uidOf('MicroVM/default/b')])
  })

  test('a second network over the same subnet is refused, and so is what is on it', () => {
    const { refusals } = of(image + net('one', '10.1.0.0/16') + net('two', '10.1.4.0/24') + vm('a', nic('two')))
    expect(refusals.map((one) => one.message)).toEqual([
      'subnet 10.1.4.0/24 overlaps 10.1.0.0/16 of MicroVMNetwork one; choose another one',
      'interface eth0 is on MicroVMNetwork two, which is not there',
    ])
  })

  test('the command line tells the guest its address, name and gateway', () => {
    const [one] = of(image + net('one', '10.1.0.0/24') + vm('a', nic('one', ', address: 10.1.0.7'))).machines
    expect(one!.machine.boot.cmdline).toBe('quiet systemd.hostname=a ip=10.1.0.7::10.1.0.1:255.255.255.0:a:eth0:off')
  })

  test('isolation becomes elements', () => {
    const text =
      image +
      net('one', '10.1.0.0/24', ', nat: true') +
      net(
        'two',
        '10.2.0.0/24',
        ', isolation: { betweenNetworks: Allow, sameNetwork: Deny, host: Allow, outbound: Deny, inbound: Allow }',
      ) +
      vm('a', nic('one', ', tap: ta, mac: "02:00:00:00:00:0A"')) +
      vm('b', nic('two', ', tap: tb, mac: "02:00:00:00:00:0b", antiSpoof: false, ethertypes: [IPv6]'))
    expect(of(text).state.rules).toEqual({
      portMacs: ['ta . 02:00:00:00:00:0a'],
      portAddresses: ['ta . 10.1.0.2'],
      portUnfiltered: ['tb'],
      portIPv6: ['tb'],
      portIsolated: ['tb'],
      gateways: ['br-one . 10.1.0.1', 'br-two . 10.2.0.1'],
      hostServices: ['br-one'],
      hostOpen: ['br-two'],
      outbound: ['br-one'],
      inbound: ['br-two'],
      peers: ['br-two'],
      masquerade: ['10.1.0.0/24'],
    })
  })

  test('a network that no VM is on is not realised', () => {
    expect(of(image + net('one', '10.1.0.0/24')).state).toMatchObject({ bridges: [], rules: null, forwarding: false })
  })

  test('what only routes or shows changes no digest', () => {
    const before = of(image + net('one', '10.1.0.0/24') + vm('a', nic('one'))).machines[0]!.machine.digests
    const text =
      net('one', '10.1.0.0/24', ', nat: true, bridge: other, isolation: { host: Allow }') +
      vm('a', nic('one'), '  readiness: { tcpSocket: { port: 22 } }\n  terminationGracePeriodSeconds: 5\n')
    expect(of(image + text).machines[0]!.machine.digests).toEqual(before)
  })

  test.each([
    ['compute', (text: string) => text.replace('256Mi', '512Mi')],
    ['network', (text: string) => text.replace('10.1.0.0/24', '10.9.0.0/24')],
    ['image', (text: string) => text.replace('images/k', 'images/other')],
    ['guest', (text: string) => text.replace('vcpu: 1', 'vcpu: 1\n  oemStrings: [x]')],
    ['disks', (text: string) => text.replace('vcpu: 1', 'vcpu: 1\n  disks: [{ name: d, ephemeral: { size: 1Gi } }]')],
    ['restart', (text: string) => text.replace('vcpu: 1', 'vcpu: 1\n  restartToken: "2"')],
  ])('a change of %s is seen as that and nothing else', (group, change) => {
    const text = image + net('one', '10.1.0.0/24') + vm('a', nic('one'))
    const [before, after] = [of(text), of(change(text))].map((one) => one.machines[0]!.machine.digests)
    const changed = Object.keys(before!).filter((key) => before![key as 'compute'] !== after![key as 'compute'])
    expect(changed).toEqual([group])
  })
})

describe('operations', () => {
  const base = image + net('one', '10.1.0.0/24')
  const told = (text: string, more: Partial<Specs> = {}) =>
    of(base + text, { ...emptyHost(), now: 5 }, more).operations.map(({ phase, message }) => `${phase}: ${message}`)

  test('stop of an Always VM is refused in a sentence that says what to do', () => {
    expect(told(vm('a', nic('one')) + operation('o', 'Stop', 'a'))).toEqual([
      'Refused: runStrategy of a is Always, so a stop would be undone at once; set it to Halted (or Manual) in its manifest',
    ])
  })

  test('start of a Halted VM is refused', () => {
    expect(told(vm('a', nic('one'), '  runStrategy: Halted\n') + operation('o', 'Start', 'a'))[0]).toContain(
      'Refused: runStrategy of a is Halted',
    )
  })

  test('one that is pinned to another uid, to nobody, or too old does nothing', () => {
    const pinned = operation('o', 'Restart', 'a', ', uid: 00000000-0000-4000-8000-000000000000')
    expect(told(vm('a', nic('one')) + pinned)[0]).toContain('is another one now')
    expect(told(operation('o', 'Restart', 'a'))).toEqual(['Refused: MicroVM a is not there'])
    const late = { ...emptyHost(), now: emptyHost().now + 700_000 }
    expect(of(base + vm('a', nic('one')) + operation('o', 'Restart', 'a'), late).operations[0]?.phase).toBe('Lapsed')
  })

  test('a restart acts once, also when it is seen again', () => {
    const host = { ...emptyHost(), now: 5 }
    const text = base + vm('a', nic('one')) + operation('o', 'Restart', 'a')
    const without = of(base + vm('a', nic('one')), host).machines[0]!.machine.digests.restart
    const first = of(text, host)
    const again = of(text, { ...host, ledger: first.ledger })
    expect(first.machines[0]!.machine.digests.restart).not.toBe(without)
    expect(again.machines[0]!.machine.digests.restart).toBe(first.machines[0]!.machine.digests.restart)
    // Its object is deleted after a while; that restarts nobody.
    expect(of(base + vm('a', nic('one')), { ...host, ledger: again.ledger }).machines[0]!.machine.digests.restart).toBe(
      first.machines[0]!.machine.digests.restart,
    )
  })

  test('a VM that becomes Manual goes on as it is', () => {
    const host = { ...emptyHost(), ledger: of(base + vm('a', nic('one'))).ledger }
    const [uid, record] = Object.entries(host.ledger.machines)[0]!
    const manual = base + vm('a', nic('one'), '  runStrategy: Manual\n')
    const power = (started: unknown) =>
      of(manual, { ...host, ledger: { ...host.ledger, machines: { [uid]: { ...record, started } as never } } })
        .machines[0]!.machine.power
    expect(power(null)).toBe('off')
    expect(power({ ended: null })).toBe('on')
    expect(power({ ended: { how: 'Stopped', at: 1 } })).toBe('off')
  })

  test('start and stop of a Manual VM', () => {
    const host = { ...emptyHost(), now: 5 }
    const manual = vm('a', nic('one'), '  runStrategy: Manual\n')
    expect(of(base + manual, host).machines[0]!.machine.power).toBe('off')
    const started = of(base + manual + operation('o', 'Start', 'a'), host)
    expect(started.machines[0]!.machine.power).toBe('on')
    const stopped = of(base + manual + operation('o', 'Start', 'a') + operation('p', 'Stop', 'a'), {
      ...host,
      ledger: started.ledger,
    })
    expect(stopped.machines[0]!.machine.power).toBe('off')
  })
})
