import { type Drill, enough } from './drill.ts'
import { pair } from './fleet.ts'

export const linkDrills: readonly Drill[] = [
  {
    name: 'the kernel refuses once',
    async play(stage) {
      stage.faulty = true
      let refused = 0
      const once = () => {
        refused += 1
        return refused <= 1 ? 'Cannot allocate memory' : null
      }
      stage.host.net.faults = { rulesFail: once, dumpFails: () => null }
      await pair(stage, 5000)
      stage.mustRun('a', 'b')
      stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
      stage.expect(refused > 1, 'nothing was tried again')
    },
  },
  {
    name: 'a commit is cut short once',
    async play(stage) {
      stage.faulty = true
      let cut = 0
      stage.host.net.faults = { commitCut: () => (cut++ < 1 ? 1 : null) }
      await pair(stage)
      stage.mustRun('a', 'b')
      stage.expect(cut > 1 && stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
    },
  },
  {
    name: 'links cannot be listed for a while',
    async play(stage) {
      const until = stage.host.time + 3000
      stage.host.net.faults = { dumpFails: () => (stage.host.time < until ? 'Cannot allocate memory' : null) }
      await pair(stage, 10_000)
      stage.mustRun('a', 'b')
    },
  },
  {
    name: 'links and rules are harmed',
    async play(stage) {
      const { net } = stage.host
      await pair(stage)
      const harms: Readonly<Record<string, () => void>> = {
        'TAP deleted': () => net.deleteLink('vm-a'),
        'TAP down': () => net.setDown('vm-a'),
        'TAP off its bridge': () => net.takeOffBridge('vm-a'),
        'alias wiped': () => net.setAlias('vm-a', ''),
        'group changed': () => net.setGroup('vm-a', 0),
        'bridge deleted': () => net.deleteLink('br-n1'),
        'bridge down': () => net.setDown('br-n1'),
        'address gone': () => net.removeAddress('br-n1', '10.1.0.1/24'),
        'address added': () => net.addAddress('br-n1', '10.77.0.1/24'),
        'second address of the subnet first': () => {
          net.removeAddress('br-n1', '10.1.0.1/24')
          net.addAddress('br-n1', '10.1.0.9/24')
        },
        'rules flushed': () => net.flushRuleset(),
        'chains altered': () => net.alterChains('bridge'),
        'element removed': () => net.removeElement('portMacs', net.rules().sets.portMacs[0]!),
        'element added': () => net.addElement('portUnfiltered', 'vm-a'),
        'forwarding off': () => net.setForwarding(false),
      }
      const picture = () => {
        const { chains, sets } = net.rules()
        const links = net.links().map((link) => ({ ...link, index: 0, mac: '', carrier: false }))
        return JSON.stringify([chains, sets, links, net.forwarding])
      }
      const before = picture()
      for (const [what, harm] of Object.entries(harms)) {
        harm()
        await stage.pass(5000)
        stage.expect(picture() === before, `${what}: it is not as it was`)
        stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), `${what}: a is not reached`)
      }
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'the last VM goes',
    async play(stage) {
      await pair(stage)
      const { net } = stage.host
      stage.expect(net.forwarding, 'forwarding is off')
      stage.remove('a.yaml')
      await stage.pass(enough)
      stage.remove('b.yaml')
      await stage.pass(enough)
      stage.expect(!net.forwarding, 'forwarding is still on, was off before and nobody needs it')
      stage.expect(net.rules().chains === null, 'our tables are still there')
      stage.expect(
        net.links().length === 1,
        `links are ${net
          .links()
          .map(({ name }) => name)
          .join()}`,
      )
    },
  },
]
