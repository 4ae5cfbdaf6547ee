import { listRules } from '../host/stage-picture.ts'
import type { Dice } from '../sim/random.ts'
import { type Change, type Draw, namesOf } from './change.ts'
import { foreignTable } from './foreign.ts'
import type { Scene } from './scene.ts'
import type { Wish } from './wish.ts'

/** What others do to a host behind the controller's back; nothing that it was not made for. */
export const breakages: readonly (readonly [number, Draw])[] = [
  [3, ofVm('delete the TAP of', (name) => ['ip', 'link', 'del', 'dev', `vm-${name}`])],
  [1, ofVm('take off its bridge the TAP of', (name) => ['ip', 'link', 'set', 'dev', `vm-${name}`, 'nomaster'])],
  [2, ofBridge('delete', (name) => ['ip', 'link', 'del', 'dev', name])],
  [1, ofBridge('flush the addresses of', (name) => ['ip', 'addr', 'flush', 'dev', name])],
  [3, ofRules],
  [3, killVmm],
]

function ofVm(what: string, argv: (name: string) => readonly string[]): Draw {
  return (dice, wish) => {
    const names = Object.keys(wish.vms)
    if (names.length === 0) return null
    const name = dice.pick(names)
    return breaking(`${what} ${name}`, [name], wish, argv(name))
  }
}

function ofBridge(what: string, argv: (name: string) => readonly string[]): Draw {
  return (dice, wish) => {
    const names = [...new Set(Object.values(wish.vms).map(({ network }) => `br-${network}`))].sort()
    if (names.length === 0) return null
    const name = dice.pick(names)
    return breaking(
      `${what} ${name}`,
      namesOf(wish, ({ network }) => `br-${network}` === name),
      wish,
      argv(name),
    )
  }
}

/** It may not be there at that moment: then there is nothing to break. */
function breaking(name: string, touches: readonly string[], wish: Wish, argv: readonly string[]): Change {
  return { name, touches, wish, asks: false, act: async ({ stage }) => void (await stage.net.run(argv)) }
}

function ofRules(dice: Dice, wish: Wish): Change {
  const verb = dice.pick(['flush', 'delete'] as const)
  return { name: `${verb} our tables`, touches: [], wish, asks: false, act: (scene) => spoilRules(scene, verb) }
}

async function spoilRules({ stage }: Scene, verb: 'flush' | 'delete'): Promise<void> {
  const tables = (await listRules(stage.net, 'tables')).flatMap(({ table }) => table ?? [])
  const ours = tables.filter(({ name }) => name !== foreignTable)
  const lines = ours.map(({ family, name }) => `${verb} table ${family} ${name}\n`)
  await stage.net.run(['nft', '-f', '-'], lines.join(''))
}

/** Once for each VM: a second crash has to wait ten seconds. */
function killVmm(dice: Dice, wish: Wish): Change | null {
  const names = namesOf(wish, ({ name, strategy }) => strategy === 'Always' && !wish.crashed.includes(name))
  if (names.length === 0) return null
  const name = dice.pick(names)
  return {
    name: `kill the VMM of ${name}`,
    touches: [name],
    asks: false,
    wish: { ...wish, crashed: [...wish.crashed, name] },
    async act({ stage }) {
      for (const vmm of stage.vmms()) if (vmm.name === `default.${name}`) process.kill(vmm.pid, 'SIGKILL')
    },
  }
}
