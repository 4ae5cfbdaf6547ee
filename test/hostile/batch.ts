/** What `ip -batch` and `nft -f` would read, by an own grammar of what we mean to say: anything else is somebody's text. */

const name = '[A-Za-z0-9][A-Za-z0-9_.-]{0,14}'
const alias = '[A-Za-z0-9_:/.-]{1,255}'
const address = '[0-9]{1,3}([.][0-9]{1,3}){3}'

const ipLines = [
  `link add name ${name} address [0-9a-f:]{17} group [0-9]+ type bridge stp_state 0 forward_delay 0 mcast_snooping 0 no_linklocal_learn 1`,
  `link set dev ${name} alias ${alias}`,
  `link set dev ${name} addrgenmode none`,
  `tuntap add dev ${name} mode tap user [0-9]+`,
  `link set dev ${name} group [0-9]+ alias ${alias}`,
  `link set dev ${name} (group [0-9]+|master ${name}|mtu [0-9]+|up)`,
  `addr (add|del) ${address}/[0-9]{1,2} dev ${name}`,
].map((line) => new RegExp(`^${line}$`))

/** Whether a line for ip(8) is one that we mean; a line feed in it is none. */
export function isIpLine(text: string): boolean {
  return ipLines.some((line) => line.test(text)) && !text.includes('\n')
}

const element = `("${name}"( [.] ([0-9a-f]{2}(:[0-9a-f]{2}){5}|${address}))?|${address}/[0-9]{1,2})`
const nftLine = new RegExp(
  `^(add|delete) element (bridge|inet) moorage_[0-9a-f]{8} [a-zA-Z0-9]+ [{] ${element}(, ${element})* [}]$`,
)

/** The lines of `nft -f` input that add or delete elements and are not what we mean. */
export function strangeElements(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => /\b(add|delete|flush|insert|create) (?!chain|table)/.test(line) && !nftLine.test(line))
}
