import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { addressOf, image, network, networked, yaml } from './stage-manifests.ts'
import { listRules, type NetPicture, netPictureOf } from './stage-picture.ts'
import { timed, until } from './stage-until.ts'

/** Two running guests. Only wakeups can repair anything here: the next resync is an hour away. */
let stage: Stage
let whole: NetPicture
let pids: readonly number[]

const guests = { a: addressOf('n1', 2), b: addressOf('n2', 2) }

/** A table of somebody else, which nothing but a flush of everything may touch. */
const stranger =
  "nft add table inet stranger; nft add chain inet stranger input '{ type filter hook input priority 10; }'"

/** Seconds for a repair: a hundred times of what it takes on an idle machine. */
const patience = 10

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage({ config: { resyncSeconds: 3600 } })
  stage.write('networks.yaml', yaml(image('small'), network('n1'), network('n2')))
  stage.write('vms.yaml', yaml(networked('a', 'n1', 2), networked('b', 'n2', 2)))
  await stage.start()
  await stage.ready(90, 'a', 'b')
  await stage.settled(10)
  await stage.net.exec(['sh', '-c', stranger])
  whole = await netPictureOf(stage)
  pids = [stage.pidOf('a'), stage.pidOf('b')]
})

afterEach((context) => tellWhenFailed(context as never, stage))

afterAll(() => stage?.close())

/** Whether both guests take a connection. */
async function bothAnswer(): Promise<boolean> {
  const dial = (address: string) => stage.net.run(['timeout', '1', 'bash', '-c', `exec 3<> /dev/tcp/${address}/80`])
  const said = await Promise.all(Object.values(guests).map(dial))
  return said.every(({ code }) => code === 0)
}

/** Breaks something; all must be as before, nobody restarted, and both guests must answer again. */
async function expectRepair(...breakage: readonly (readonly string[])[]): Promise<void> {
  for (const argv of breakage) await stage.net.exec(argv)
  const took = await timed(() =>
    until('all is as before', patience, () => netPictureOf(stage), isWhole).catch(() => {}),
  )
  expect(await netPictureOf(stage)).toEqual(whole)
  const answered = await timed(() => until('both guests answer', patience, bothAnswer))
  console.log(`repaired after ${took} ms, both guests answered ${answered} ms later: ${breakage.at(-1)?.join(' ')}`)
  expect([stage.pidOf('a'), stage.pidOf('b')]).toEqual(pids)
  await stage.settled(patience)
  expect(await netPictureOf(stage)).toEqual(whole)
  await stage.ready(patience, 'a', 'b')
}

const isWhole = (seen: NetPicture) => JSON.stringify(seen) === JSON.stringify(whole)

/** Our tables. */
async function tables(): Promise<readonly { family: string; name: string }[]> {
  const found = await listRules(stage.net, 'tables')
  return found.flatMap(({ table }) =>
    table?.name && table.name !== 'stranger' ? [{ family: table.family, name: table.name }] : [],
  )
}

describe('links', () => {
  test('a TAP deleted under a running VM', () => expectRepair(['ip', 'link', 'del', 'dev', 'vm-a']))

  test('both TAPs deleted at once', () => expectRepair(['sh', '-c', 'ip link del dev vm-a; ip link del dev vm-b']))

  test('a TAP taken off its bridge', () => expectRepair(['ip', 'link', 'set', 'dev', 'vm-a', 'nomaster']))

  test('a TAP put on the bridge of another network', () =>
    expectRepair(['ip', 'link', 'set', 'dev', 'vm-a', 'master', 'br-n2']))

  test('a bridge deleted', () => expectRepair(['ip', 'link', 'del', 'dev', 'br-n1']))

  test('a TAP set down', () => expectRepair(['ip', 'link', 'set', 'dev', 'vm-a', 'down']))

  test('a bridge set down', () => expectRepair(['ip', 'link', 'set', 'dev', 'br-n1', 'down']))

  test('a TAP taken out of its group, which would have let it pass unfiltered', () =>
    expectRepair(['ip', 'link', 'set', 'dev', 'vm-a', 'group', '0']))

  test('an alias wiped', () => expectRepair(['ip', 'link', 'set', 'dev', 'vm-a', 'alias', '']))
})

describe('addresses', () => {
  test('the gateway removed', () => expectRepair(['ip', 'addr', 'del', '10.1.0.1/24', 'dev', 'br-n1']))

  test('all addresses flushed', () => expectRepair(['ip', 'addr', 'flush', 'dev', 'br-n1']))

  test('a stray address added', () => expectRepair(['ip', 'addr', 'add', '10.9.0.1/24', 'dev', 'br-n1']))
})

describe('rules', () => {
  test('each of our tables flushed', async () => {
    for (const { family, name } of await tables()) await expectRepair(['nft', 'flush', 'table', family, name])
  })

  test('each of our tables deleted', async () => {
    for (const { family, name } of await tables()) await expectRepair(['nft', 'delete', 'table', family, name])
  })

  test('nft flush ruleset', async () => {
    await expectRepair(['sh', '-c', `nft flush ruleset; ${stranger}`])
  })

  test('a rule inserted into each of our base chains', async () => {
    for (const { family, name } of await tables()) {
      const found = await listRules(stage.net, 'table', family, name)
      const chains = found.flatMap(({ chain }) => (chain?.hook ? [chain.name!] : []))
      expect(chains.length).toBeGreaterThan(0)
      for (const chain of chains) await expectRepair(['nft', 'insert', 'rule', family, name, chain, 'accept'])
    }
  })

  test('an element deleted, and one too many added', async () => {
    for (const { family, name } of await tables()) {
      const found = await listRules(stage.net, 'table', family, name)
      const sets = found.flatMap(({ set }) => (set?.elem ? [set.name!] : []))
      expect(sets.length).toBeGreaterThan(0)
      for (const set of sets) await expectRepair(['nft', 'flush', 'set', family, name, set])
    }
    const bridge = (await tables()).find(({ family }) => family === 'bridge')!
    const element = '{ "vm-a" . 02:00:00:00:66:66 }'
    await expectRepair(['nft', 'add', 'element', 'bridge', bridge.name, 'portMacs', element])
  })
})

test('forwarding switched off', () => expectRepair(['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward']))

test('everything at once', () =>
  expectRepair(
    ['sh', '-c', 'ip link del dev vm-a; ip link del dev br-n1; ip link del dev br-n2; ip link del dev vm-b'],
    ['sh', '-c', `nft list tables | grep -v stranger | xargs -L1 nft delete; echo 0 > /proc/sys/net/ipv4/ip_forward`],
  ))
