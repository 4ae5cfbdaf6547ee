import { bridgedMark } from './nft-bridge.ts'

/**
 * Addresses of cloud metadata services, which hand out the host's own credentials: all of link-local (AWS, Google, Azure
 * and most others), Azure's wire server, Alibaba's and Oracle's. The IPv6 ones (fd00:ec2::254, ...) need no mention
 * while no IPv6 is routed for guests.
 */
const metadata = '{ 169.254.0.0/16, 168.63.129.16, 100.100.100.200, 192.0.0.192 }'

/**
 * What leaves a bridge by routing and what reaches the host. The bridges carry the group as their ports do, so that
 * 'ours' is one comparison; policy is accept everywhere, so that nobody else's traffic depends on us.
 */
export function inetTable(table: string, group: number, sets: string): string {
  return `table inet ${table} {
${sets}
  # After connection tracking and before any DNAT: a packet still has the destination that the guest wrote.
  chain prerouting {
    type filter hook prerouting priority mangle; policy accept;
    iifgroup != ${group} accept
    # A port off its bridge, and frames to 01:80:c2:00:00:0e, which the kernel hands past the bridge's own hooks.
    meta iifkind != "bridge" drop
    # Source routing shows the rules one destination and goes to another.
    ip option lsrr exists drop
    ip option ssrr exists drop
    # Before 'established', which ends connections that were made while somebody had flushed the ruleset.
    ip daddr ${metadata} drop
    # Judged in input and forward.
    ct state established,related accept
    # Other people's DNAT, such as a published container port, is no way round what 'host' allows.
    meta nfproto ipv4 fib daddr type local goto host
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifgroup != ${group} accept
    # Networks are IPv4.
    meta nfproto != ipv4 drop
    ct state established accept
    ct state invalid drop
    jump errors
    ip daddr 255.255.255.255 udp sport 68 udp dport 67 goto services
    goto host
  }
  # A guest is an end of a path: it may say that nobody listens, but nothing about the path itself, such as its MTU.
  chain errors {
    ct state related icmp type destination-unreachable icmp code port-unreachable accept
    ct state related ip protocol 1 drop
  }
  # Of all the host's addresses a guest reaches its own gateway.
  chain host {
    iifname . ip daddr != @gateways drop
    iifname @hostOpen accept
    iifname @hostServices icmp type echo-request accept
    goto services
  }
  chain services {
    iifname @hostOpen udp dport 67 accept
    iifname != @hostServices drop
    udp dport { 53, 67 } accept
    tcp dport 53 accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifgroup != ${group} oifgroup != ${group} accept
    # Between ports of one bridge; the bridge table has judged.
    iifgroup ${group} oifgroup ${group} meta priority ${bridgedMark} accept
    iifgroup ${group} goto leaving
    goto entering
  }
  chain entering {
    ct state established,related accept
    ct state invalid drop
    meta nfproto != ipv4 drop
    oifname @inbound accept
    drop
  }
  chain leaving {
    meta nfproto != ipv4 drop
    # Again, for a DNAT of others that leads there.
    ip daddr ${metadata} drop
    # The first packet of it was judged below.
    ct state established accept
    ct state invalid drop
    oifgroup != ${group} goto outside
    # Back out of the bridge it came in by, a way round 'portIsolated'.
    fib daddr . iif oif exists drop
    iifname @peers oifname @peers accept
    drop
  }
  chain outside {
    jump errors
    iifname @outbound accept
    drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    # Not over lo, where the host speaks to its own gateway addresses from them.
    ip saddr @masqueraded oifgroup != ${group} oifname != "lo" masquerade
  }
}
`
}
