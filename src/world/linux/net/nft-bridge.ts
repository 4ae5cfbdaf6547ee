/**
 * `skb->priority` of a frame that a bridge of ours forwards, which only our own forward chain sets: what br_netfilter
 * shows to the inet chains is thus told from what is routed back out of the bridge it came in by, a way round
 * `portIsolated`. Frames of a TAP come without a priority, a veth takes it off, and routing sets one below 16.
 */
export const bridgedMark = '0x6d6f6f72'

/**
 * What a port may send and what it is sent. These rules see frames before br_netfilter, connection tracking and DNAT
 * do, in fragments if they come in fragments: a header of an upper layer is then compared in the first one alone.
 */
export function bridgeTable(table: string, group: number, sets: string): string {
  return `table bridge ${table} {
${sets}
  chain prerouting {
    type filter hook prerouting priority -300; policy accept;
    # Other people's ports are none of our business.
    iifgroup != ${group} accept
    goto guard
  }
  # Every way through ends in drop: a port without an element passes nothing, whatever else is or is not there yet.
  chain guard {
    iifname @portUnfiltered accept
    iifname . ether saddr != @portMacs drop
    ether type arp goto guardARP
    ether type ip goto guardIPv4
    ether type ip6 iifname @portIPv6 goto guardIPv6
    # All else: IPv6 that was not asked for, VLAN tags (the host takes one with VID 0 off and believes the frame), LLC.
    drop
  }
  # Who lies in ARP takes a neighbor's or the gateway's traffic.
  chain guardARP {
    # Addresses of other lengths would move the fields that are compared.
    arp htype != 1 drop
    arp ptype != ip drop
    arp hlen != 6 drop
    arp plen != 4 drop
    arp operation != { request, reply } drop
    iifname . arp saddr ether != @portMacs drop
    # A probe (RFC 5227) claims nothing.
    arp saddr ip 0.0.0.0 arp operation request accept
    iifname . arp saddr ip @portAddresses accept
    drop
  }
  chain guardIPv4 {
    # Asking for an address before it has one.
    ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept
    # Only the host gives addresses. The UDP header is 8 bytes, as many as the smallest first fragment has.
    udp sport 67 drop
    iifname . ip saddr @portAddresses accept
    drop
  }
  # Its IPv6 addresses are the guest's own affair, but it is no router and no DHCPv6 server. (A fragmented advertisement
  # is believed by nobody, RFC 6980.)
  chain guardIPv6 {
    icmpv6 type { nd-router-advert, nd-redirect } drop
    udp sport 547 drop
    accept
  }
  chain forward {
    type filter hook forward priority -300; policy accept;
    iifgroup != ${group} oifgroup != ${group} accept
    iifgroup ${group} oifgroup ${group} iifname @portIsolated drop
    meta priority set ${bridgedMark}
    oifgroup ${group} goto delivery
  }
  chain output {
    type filter hook output priority -300; policy accept;
    oifgroup ${group} goto delivery
  }
  # A bridge floods what it does not know the port of: nobody is to read a neighbor's frames for that.
  chain delivery {
    ether daddr & 01:00:00:00:00:00 == 01:00:00:00:00:00 accept
    oifname @portUnfiltered accept
    oifname . ether daddr @portMacs accept
    drop
  }
}
`
}
