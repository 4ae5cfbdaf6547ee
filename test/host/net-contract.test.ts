import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, beforeEach, describe } from 'vitest'
import { setDefinitions } from '../../src/world/linux/net/nft-sets.ts'
import { linuxNet } from '../../src/world/linux/net.ts'
import { type HeldTap, type NetHands, netContract } from '../world/contract/net.ts'
import { lab, needsNetworkNamespaces, rootOf } from './net-lab.ts'

const root = rootOf('0c0c0c03')
const table = `moorage_${root.id}`
const here = lab()
const holders: ChildProcess[] = []

/** Milliseconds until a TAP is open or refused. */
const patience = 20_000

describe('contract', () => {
  beforeEach((context) => needsNetworkNamespaces(context))

  afterAll(async () => {
    for (const holder of holders) holder.kill('SIGKILL')
    await here.dispose()
  })

  netContract(async () => {
    const namespace = await here.namespace('contract')
    // A new namespace takes it from the host's own.
    await here.exec(namespace, ['sysctl', '-qw', 'net.ipv4.ip_forward=0', 'net.ipv4.conf.all.promote_secondaries=0'])
    return {
      root,
      net: linuxNet(root, here.host(namespace)),
      hands: handsIn(namespace),
      open: (name, user) => open(namespace, name, user),
    }
  })
})

function handsIn(namespace: string): NetHands {
  const ip = (line: string) => here.ip(namespace, line)
  const nft = (text: string) => here.nft(namespace, text)
  return {
    deleteLink: (name) => ip(`link del dev ${name}`),
    addLink: ({ name, kind }) =>
      ip(kind === 'tun' ? `tuntap add dev ${name} mode tap` : `link add name ${name} type ${kind}`),
    setDown: (name) => ip(`link set dev ${name} down`),
    takeOffBridge: (name) => ip(`link set dev ${name} nomaster`),
    setAlias: (name, alias) => ip(`link set dev ${name} alias "${alias}"`),
    addAddress: (name, address) => ip(`addr add ${address} dev ${name}`),
    removeAddress: (name, address) => ip(`addr del ${address} dev ${name}`),
    flushRuleset: () => nft('flush ruleset\n'),
    deleteOurTables: (family) =>
      nft((family ? [family] : ['bridge', 'inet']).map((each) => `delete table ${each} ${table}\n`).join('')),
    removeElement: (set, element) => {
      const { family, name } = setDefinitions[set]
      return nft(`delete element ${family} ${table} ${name} { ${element} }\n`)
    },
    alterChains: (family) => nft(`add rule ${family} ${table} prerouting accept\n`),
    addForeignTable: ({ family, table: name, chain, policy }) =>
      nft(`table ${family} ${name} { chain ${chain} { type filter hook forward priority 0; policy ${policy}; }\n}\n`),
    async setForwarding(value) {
      await here.exec(namespace, ['sysctl', '-qw', `net.ipv4.ip_forward=${value ? 1 : 0}`])
    },
  }
}

/** A TAP held by a process of its own. */
async function open(namespace: string, name: string, user: number): Promise<HeldTap> {
  const argv = ['netns', 'exec', namespace, 'perl', '-e', holdScript, name, String(user)]
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'], timeout: patience })
  holders.push(child)
  const closed = once(child, 'close')
  let output = ''
  const words = new Promise<void>((resolve) => {
    child.stdout.on('data', (piece) => {
      output += piece
      if (output.includes('\n')) resolve()
    })
  })
  await Promise.race([words, closed])
  if (!output.startsWith('attached\n')) {
    await closed
    throw new Error(output.trim() || 'nothing was said')
  }
  return {
    async close() {
      child.kill('SIGKILL')
      await closed
    },
    lost: () => output.includes('lost\n'),
  }
}

/** TUNSETIFF with IFF_TAP, IFF_NO_PI and IFF_VNET_HDR, as QEMU does, and then frames until there are none to come. */
const holdScript = `
  $| = 1;
  open(my $tun, '+<', '/dev/net/tun') or die $!;
  $> = $ARGV[1];
  my $request = pack('a16 S x22', $ARGV[0], 0x5002);
  if (!ioctl($tun, 0x400454ca, $request)) { print "$!\\n"; exit }
  print "attached\\n";
  1 while defined sysread($tun, my $frame, 65536);
  print "lost\\n";
`
