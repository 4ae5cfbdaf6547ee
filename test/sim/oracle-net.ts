import type { Link, RuleSets } from '../../src/host-state.ts'
import type { NetOperation } from '../../src/world/net.ts'
import { paths, root } from './host.ts'
import { networksOf, type Seen, type Sight } from './oracle-history.ts'
import { lastOctet } from './wanted.ts'

/** What the controller does to links and rules, seen after each single change. */
export function watchNet(sight: Seen): void {
  const { host } = sight
  const { net, watch } = host
  let committing = false
  const changed = watch.changed.bind(watch)
  watch.changed = (what) => {
    // What others do to a group is theirs.
    if (what === 'links' && committing) for (const link of net.links()) judgePort(sight, link, net.links())
    changed(what)
  }
  const commit = net.commit.bind(net)
  net.commit = (operations, signal) => {
    for (const operation of operations) if (operation.op === 'addTap') judgeUser(sight, operation.user)
    const before = { links: net.links(), sets: net.rules().sets }
    // Without latency it takes effect before it returns.
    committing = true
    const outcome = commit(operations, signal)
    committing = false
    judgeCommit(sight, operations, before)
    return outcome
  }
}

/** I4: from its first frame on, what no rule allows is dropped. */
function judgePort({ fail }: Seen, { name, kind, up, master, group, alias }: Link, links: readonly Link[]): void {
  if (kind !== 'tun' || !up || master === null || group === root.group || !alias.includes(root.id)) return
  if (links.some((link) => link.name === master && link.group === root.group))
    fail('I4', `${name} is up and on ${master} outside our group`)
}

/** Numbers stand in the ledger before the first effect that uses them. */
function judgeUser({ host, tally, fail }: Seen, user: number): void {
  if (tally.has('ledger removed') || tally.has('ledger torn')) return
  const records = host.files.everything(`${paths.ledger}/machines`)
  if (!records.some(({ text }) => text.includes(`"user":${user},`)))
    fail('ledger', `a TAP is made for user ${user} before he is written down`)
}

/** A guest that is there keeps its TAP and its rules. */
function judgeCommit(
  { host, tally, fail }: Seen,
  operations: readonly NetOperation[],
  before: { readonly links: readonly Link[]; readonly sets: RuleSets },
): void {
  const held = before.links.filter(({ kind, carrier, master }) => kind === 'tun' && carrier && master !== null)
  const after = new Map(host.net.links().map((link) => [link.name, link]))
  // Whose VMM it is stood in all three of them.
  if (tally.has('index removed') && isLost(tally, /^ledger/) && isLost(tally, /^runtime folder/)) return
  for (const { name, index } of held) {
    const removed = operations.some((one) => one.op === 'removeLink' && one.name === name)
    if (removed && after.get(name)?.index !== index) fail('order', `${name} is removed while its VMM holds it`)
    if (!operations.some((one) => one.op === 'changeRules') || host.net.rules().chains === null) continue
    // Either it may send what its element says, or everything.
    const has = ({ portMacs, portUnfiltered }: RuleSets) =>
      portUnfiltered.includes(name) || portMacs.some((element) => element.startsWith(`${name} . `))
    if (has(before.sets) && !has(host.net.rules().sets))
      fail('order', `the rules of ${name} are removed while its VMM holds it`)
  }
}

function isLost(tally: Seen['tally'], what: RegExp): boolean {
  return [...tally.keys()].some((kind) => what.test(kind))
}

/** At rest: links and rules are what is wanted, no more and no less. */
export function judgeNet(sight: Sight): void {
  const { host, site, tally, fail } = sight
  if (tally.has('index removed')) return
  const { vms } = site.wanted
  const networks = networksOf(sight)
  const links = new Map(host.net.links().map((link) => [link.name, link]))
  const wanted = Object.entries(vms).filter(([, vm]) => vm.network in networks)
  const running = new Map(host.process.vmms().map((vmm) => [vmm.name, vmm]))
  for (const [name, { network }] of wanted) {
    const link = links.get(`vm-${name}`)
    const vmm = running.get(`default.${name}`)
    if (!link) continue
    if (!link.up || link.master !== `br-${network}` || link.group !== root.group)
      fail('I13', `vm-${name} is not as it should be: ${JSON.stringify(link)}`)
    if (link.alias !== `moorage:${root.id}/MicroVM/default/${name}`) fail('I13', `vm-${name} says ${link.alias}`)
    if (vmm && link.user !== vmm.spec.uid) fail('I13', `vm-${name} is of user ${link.user}, its VMM of ${vmm.spec.uid}`)
  }
  const used = Object.keys(networks).filter((name) => wanted.some(([, { network }]) => network === name))
  for (const name of used) {
    const bridge = links.get(`br-${name}`)
    if (!bridge?.up || bridge.addresses.join() !== `10.${name.slice(1)}.0.1/24`)
      fail('I13', `br-${name} is not as it should be: ${JSON.stringify(bridge)}`)
  }
  const { chains, reference, sets } = host.net.rules()
  if (used.length > 0 && chains !== reference) fail('I4', `our chains are ${chains}`)
  if (used.length === 0 && chains !== null) fail('I11', 'our tables are there and no network needs them')
  const same = (what: string, is: readonly string[], should: readonly string[]) => {
    if ([...is].sort().join() !== [...should].sort().join())
      fail('I4', `${what} are ${is.join()} and not ${should.join()}`)
  }
  const addresses = wanted.map(([name, { network }]) => `vm-${name} . 10.${network.slice(1)}.0.${lastOctet(name)}`)
  same('addresses of ports', sets.portAddresses, addresses)
  const masked = used.filter((name) => networks[name]?.nat).map((name) => `10.${name.slice(1)}.0.0/24`)
  same('masqueraded subnets', sets.masquerade, masked)
  if (masked.length > 0 && !host.net.forwarding) fail('I13', 'forwarding is off and a network needs it')
  if (used.length === 0 && host.net.forwarding && !tally.has('ledger removed'))
    fail('I11', 'forwarding is still on, was off before and nobody needs it')
}
