import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { needsStage } from './stage-guest.ts'
import { addressOf, image, network, networked, yaml } from './stage-manifests.ts'
import { type Namespace, openNamespace } from './stage-namespace.ts'
import { listRules } from './stage-picture.ts'
import { inGuest } from './stage-shell.ts'
import { addresses, answersTo, connectStage, type Town } from './stage-town.ts'

/** Two guests on two networks, the internet, and somebody on the first guest's network who reads every frame. */
let stage: Stage
let town: Town
let neighbor: Namespace

const [ann, bob, next] = [addressOf('n1', 2), addressOf('n2', 2), addressOf('n1', 50)]
const metadata = '169.254.169.254'

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage()
  town = await connectStage(stage)
  stage.write('networks.yaml', yaml(image('small'), network('n1'), network('n2')))
  stage.write('vms.yaml', yaml(networked('ann', 'n1', 2), networked('bob', 'n2', 2)))
  await stage.start()
  await stage.ready(90, 'ann', 'bob')
  neighbor = await openNamespace()
  await stage.net.ip(
    `link add name stranger type veth peer name eth0 netns ${neighbor.pid}`,
    'link set dev stranger master br-n1 up',
    `addr add ${metadata}/32 dev lo`,
  )
  await neighbor.ip(`addr add ${next}/24 dev eth0`, 'link set dev eth0 up')
  await town.listen(town.internet, '0.0.0.0:80')
  await town.listen(stage.net, '0.0.0.0:8000', `${metadata}:80`)
})

afterAll(async () => {
  town?.close()
  neighbor?.close()
  await stage?.close()
})

test('a guest reaches the internet, which sees the host', async () => {
  const [server, router] = [`${addresses.server}:80`, `${addresses.router}:80`]
  for (const guest of ['ann', 'bob']) {
    const answers = await answersTo(stage, guest, [server, router, addresses.server])
    const host = `you are ${addresses.uplink}`
    expect(answers, guest).toEqual({ [server]: host, [router]: host, [addresses.server]: 'pong' })
  }
})

test('its own gateway answers a ping, and nothing else of the host or of the other network answers', async () => {
  const closed = (other: string, otherGateway: string, own: string) => [
    ...[`${own}:8000`, `${addresses.uplink}:8000`, addresses.uplink],
    ...[other, `${other}:80`, otherGateway, `${otherGateway}:8000`],
    ...[metadata, `${metadata}:80`],
  ]
  const expected = (own: string, targets: readonly string[]) => ({
    [own]: 'pong',
    ...Object.fromEntries(targets.map((target) => [target, ''])),
  })
  const fromAnn = closed(bob, '10.2.0.1', '10.1.0.1')
  expect(await answersTo(stage, 'ann', ['10.1.0.1', ...fromAnn])).toEqual(expected('10.1.0.1', fromAnn))
  const fromBob = closed(ann, '10.1.0.1', '10.2.0.1')
  expect(await answersTo(stage, 'bob', ['10.2.0.1', ...fromBob])).toEqual(expected('10.2.0.1', fromBob))
})

test('all that does not answer a guest is there', async () => {
  const there = [
    '10.1.0.1:8000',
    '10.2.0.1:8000',
    `${addresses.uplink}:8000`,
    `${metadata}:80`,
    `${ann}:80`,
    `${bob}:80`,
  ]
  for (const place of there) {
    const [address, port] = place.split(':')
    await stage.net.exec(['bash', '-c', `exec 3<> /dev/tcp/${address}/${port}`])
  }
})

test('nobody outside opens a connection to a guest', async () => {
  await town.internet.ip(`route add 10.0.0.0/8 via ${addresses.uplink}`)
  for (const guest of [ann, bob]) {
    const { code } = await town.internet.run(['timeout', '3', 'bash', '-c', `exec 3<> /dev/tcp/${guest}/80`])
    expect(code, guest).not.toBe(0)
  }
})

/** Frames that reached the neighbor, by rule; each is a match of nft(8) on what a guest may claim to be. */
async function counted(
  work: () => Promise<unknown>,
  rules: Readonly<Record<string, string>>,
): Promise<Record<string, number>> {
  const named = Object.entries(rules)
  const text = `table netdev seen {
    ${named.map(([name]) => `counter ${name} { }`).join('\n')}
    chain ingress {
      type filter hook ingress device eth0 priority 0
      ${named.map(([name, rule]) => `${rule} counter name ${name}`).join('\n')}
    }
  }`
  await neighbor.exec(['nft', '-f', '-'], text)
  try {
    await work()
    const counters = (await listRules(neighbor, 'counters')).flatMap(({ counter }) => counter ?? [])
    return Object.fromEntries(counters.map(({ name, packets }) => [name, packets]))
  } finally {
    await neighbor.exec(['nft', 'delete', 'table', 'netdev', 'seen'])
  }
}

test('frames under its own MAC and address reach the neighbor', async () => {
  const rules = { arps: `arp saddr ip ${ann}`, pings: `ip saddr ${ann}` }
  const seen = await counted(() => inGuest(stage, 'ann', `ping -c 2 -W 2 ${next}`), rules)
  expect(seen).toEqual({ arps: expect.any(Number), pings: expect.any(Number) })
  expect(Math.min(seen.arps!, seen.pings!)).toBeGreaterThan(0)
})

test('frames under another MAC die, and its own get through again', async () => {
  const spoof = `own=$(cat /sys/class/net/eth0/address)
    change() { ip link set dev eth0 down; ip link set dev eth0 address $1; ip link set dev eth0 up; }
    change 02:00:00:00:66:66; ping -c 2 -W 1 ${next}; arping -c 2 -w 2 -I eth0 ${next}
    change $own; ip route add default via 10.1.0.1; ping -c 1 -W 2 ${next}`
  const rules = { spoofed: 'ether saddr 02:00:00:00:66:66', own: `ip saddr ${ann}` }
  const seen = await counted(() => inGuest(stage, 'ann', spoof), rules)
  expect(seen).toEqual({ spoofed: 0, own: 1 })
})

test('ARP and IP packets under another address die: a free one, the gateway, the neighbor', async () => {
  for (const stolen of [addressOf('n1', 99), '10.1.0.1', next]) {
    const target = stolen === next ? '10.1.0.1' : next
    const spoof = `ip addr add ${stolen}/32 dev eth0
      arping -c 2 -w 2 -U -I eth0 -s ${stolen} ${stolen}; arping -c 2 -w 2 -I eth0 -s ${stolen} ${target}
      ping -c 2 -W 1 -I ${stolen} ${target}
      ip addr del ${stolen}/32 dev eth0; ping -c 1 -W 2 ${next}`
    // From the host's side too, since the gateway is its own address.
    const before = await stage.net.exec(['ip', 'neigh', 'show', 'dev', 'br-n1', stolen])
    const rules = {
      arps: `ether saddr ${await macOf('ann')} arp saddr ip ${stolen}`,
      ips: `ether saddr ${await macOf('ann')} ip saddr ${stolen}`,
      own: `ip saddr ${ann}`,
    }
    const seen = await counted(() => inGuest(stage, 'ann', spoof), rules)
    expect(seen, stolen).toEqual({ arps: 0, ips: 0, own: 1 })
    expect(await stage.net.exec(['ip', 'neigh', 'show', 'dev', 'br-n1', stolen]), stolen).toBe(before)
  }
})

async function macOf(name: string): Promise<string> {
  return (await stage.vm(name))?.status.interfaces?.[0]?.mac ?? ''
}
