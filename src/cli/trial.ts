import { probeKvm } from '../host/kvm.ts'
import type { World } from '../world/world.ts'
import { type Check, fail, ok, warn } from './checks.ts'

/** Milliseconds for one program. */
const timeout = 10_000

/** What our chains need of the kernel: NAT, interface names in concatenated sets, and filtering on bridges. */
const rules = `table inet moorage_trial {
  set nets { type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }; }
  chain out {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr @nets masquerade
  }
}
table bridge moorage_trial {
  set ports { type ifname . ether_addr; }
  chain in {
    type filter hook prerouting priority -300; policy accept;
    iifname . ether saddr @ports accept
  }
}
`

/** A TAP and rules like ours, really made, in a network namespace that is gone with the program in it. */
export async function tryNetwork(world: World, signal: AbortSignal): Promise<readonly Check[]> {
  const inside = (argv: readonly string[], stdin = '') =>
    world.process.run({ argv: ['unshare', '--net', '--', ...argv], stdin, timeout }, signal)
  const namespace = await inside(['true'])
  if (namespace.code !== 0) {
    return [
      warn('network', `no network namespace can be made here, so TAP and nftables were not tried: ${words(namespace)}`),
    ]
  }
  const tap = await inside(['ip', 'tuntap', 'add', 'dev', 'moorage0', 'mode', 'tap'])
  const bridge = await inside(['ip', 'link', 'add', 'moorage0', 'type', 'bridge'])
  const nft = await inside(['nft', '-f', '-'], rules)
  return [
    tap.code === 0
      ? ok('tap', 'a TAP was made')
      : fail('tap', `no TAP can be made: ${words(tap)}; see that this process may open /dev/net/tun`),
    bridge.code === 0
      ? ok('bridge', 'a bridge was made')
      : fail('bridge', `no bridge can be made: ${words(bridge)}; load it with: modprobe bridge`),
    nft.code === 0
      ? ok('nftables', 'rules for NAT and for bridges were loaded')
      : fail(
          'nftables',
          `rules like ours cannot be loaded: ${words(nft)}; load the kernel's modules nf_tables, nft_chain_nat and nft_masq`,
        ),
  ]
}

/** A guest under KVM, as the user that VMs run as. VMs run without it too, slowly. */
export async function tryKvm(
  world: World,
  user: number,
  qemu: string | null,
  signal: AbortSignal,
): Promise<readonly Check[]> {
  const directory = `/run/moorage-doctor-${Buffer.from(world.random.bytes(4)).toString('hex')}`
  await world.files.makeDirectory(directory, { mode: 0o711 })
  try {
    const { usable, why } = await probeKvm(world, qemu, { directory, user }, signal)
    return [usable ? ok('kvm', why) : warn('kvm', `VMs are emulated (tcg), which is slow: ${why}`)]
  } finally {
    await world.files.removeDirectory(directory)
  }
}

function words({ code, stderr }: { readonly code: number; readonly stderr: string }): string {
  return stderr.trim().split('\n')[0]?.slice(0, 200) || `exit code ${code}`
}
