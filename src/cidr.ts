/** An IPv4 network or an interface address with its prefix length, as numbers. */
export interface Cidr {
  readonly address: number
  readonly prefix: number
}

/** `10.1.0.0` as a number; null when it is not four decimal octets. */
export function parseAddress(text: string): number | null {
  const octets = text.split('.')
  if (octets.length !== 4) return null
  let value = 0
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return null
    value = value * 256 + Number(octet)
  }
  return value
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')
}

/** `10.1.0.1/24`; null when malformed. */
export function parseCidr(text: string): Cidr | null {
  const [address, prefix, ...rest] = text.split('/')
  const value = parseAddress(address ?? '')
  if (value === null || rest.length > 0 || !/^(\d|[12]\d|3[0-2])$/.test(prefix ?? '')) return null
  return { address: value, prefix: Number(prefix) }
}

/** First and last address of the network that holds this address. */
export function bounds({ address, prefix }: Cidr): { first: number; last: number } {
  const size = 2 ** (32 - prefix)
  const first = Math.floor(address / size) * size
  return { first, last: first + size - 1 }
}

/** The network an interface address is in: `10.1.0.1/24` gives `10.1.0.0/24`. */
export function networkOf(cidr: Cidr): string {
  return `${formatAddress(bounds(cidr).first)}/${cidr.prefix}`
}

/** `255.255.255.0` for 24. */
export function netmask(prefix: number): string {
  return formatAddress(2 ** 32 - 2 ** (32 - prefix))
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  const [one, other] = [bounds(a), bounds(b)]
  return one.first <= other.last && other.first <= one.last
}
