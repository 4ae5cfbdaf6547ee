import { join } from 'node:path'
import {
  bridgeName,
  type Fleet,
  gatewayOf,
  kernelPath,
  networkOf,
  networksOf,
  numbersOf,
  tapName,
  vmName,
} from './manifests.ts'
import { argvOf, pidsOf, userOf } from './processes.ts'
import { type Root, vmm } from './root.ts'
import { tool } from './tool.ts'

/** What a controller made of a fleet, for the bare reference to make the same. */
export interface Capture {
  /** Group of all links. */
  readonly group: number
  /** For `ip -batch`: the same links in the fewest lines. */
  readonly links: string
  /** For `nft -f`: the same rules. */
  readonly rules: string
  /** In the order of the fleet. */
  readonly vms: readonly CapturedVm[]
}

export interface CapturedVm {
  readonly user: number
  readonly argv: readonly string[]
  /** Its runtime folder, which its argv names again and again. */
  readonly directory: string
  /** The guest's kernel. */
  readonly kernel: string
}

/** Reads what is there while the whole fleet runs and nothing else does. */
export function capture({ path }: Root, fleet: Fleet): Capture {
  const running = new Map(pidsOf(vmm).map((pid) => [nameIn(argvOf(pid)), pid]))
  const vms = numbersOf(fleet).map((index) => {
    const pid = running.get(`default.${vmName(index)}`)
    if (pid === undefined)
      throw new Error(`${vmName(index)} answered and does not run any more; ${running.size} VMs do`)
    return capturedVm(pid, path)
  })
  const group = groupOf(bridgeName(networksOf(fleet)[0] ?? 0))
  const users = new Map(numbersOf(fleet).map((index, place) => [index, vms[place]!.user]))
  return { group, links: linksOf(fleet, group, users), rules: tool('nft', 'list', 'ruleset'), vms }
}

function capturedVm(pid: number, root: string): CapturedVm {
  const argv = argvOf(pid)
  const directory = new RegExp(`${root}/run/moorage/vms/[0-9a-f]+`).exec(argv.join('\n'))?.[0]
  if (directory === undefined) throw new Error(`no runtime folder stands in the command line of process ${pid}`)
  return { user: userOf(pid), argv, directory, kernel: join(root, kernelPath) }
}

/** `-name guest=NAME,…`, without the word before it. */
function nameIn(argv: readonly string[]): string {
  return /^guest=([^,]+)/.exec(argv[argv.indexOf('-name') + 1] ?? '')?.[1] ?? ''
}

function groupOf(link: string): number {
  const [found] = JSON.parse(tool('ip', '-N', '-j', 'link', 'show', 'dev', link)) as readonly { group: string }[]
  return Number(found?.group)
}

function linksOf(fleet: Fleet, group: number, users: ReadonlyMap<number, number>): string {
  const bridges = networksOf(fleet).flatMap((network) => [
    `link add name ${bridgeName(network)} group ${group} type bridge mcast_snooping 0`,
    `addr add ${gatewayOf(network)} dev ${bridgeName(network)}`,
    `link set dev ${bridgeName(network)} up`,
  ])
  const taps = numbersOf(fleet).flatMap((index) => [
    `tuntap add dev ${tapName(index)} mode tap user ${users.get(index)}`,
    `link set dev ${tapName(index)} group ${group} master ${bridgeName(networkOf(index))} up`,
  ])
  return [...bridges, ...taps, ''].join('\n')
}
