import { readFileSync } from 'node:fs'
import { is } from '../host/stage-client.ts'
import { filesBelow, netPictureOf } from '../host/stage-picture.ts'
import { foreignTable } from './foreign.ts'
import type { Scene } from './scene.ts'
import { secrets, type VmWish, type Wish, wantsToRun } from './wish.ts'

/** What of a host is not as it is wanted, a sentence each; none when it is at rest. It only looks. */
export async function wrongAtRest(scene: Scene, wish: Wish): Promise<readonly string[]> {
  scene.volumes.look()
  const parts = [vmsWrong(scene, wish), netWrong(scene, wish), planWrong(scene), scene.foreign.changed()]
  const found = (await Promise.all(parts)).flat()
  return [...scene.witness.doubles, ...found, ...filesWrong(scene, wish), ...scene.volumes.wrong(wish)]
}

async function vmsWrong({ stage }: Scene, wish: Wish): Promise<readonly string[]> {
  const shown = await stage.objects('MicroVM')
  const states = (await stage.objects('MicroVMState')).map(({ metadata }) => metadata.name).sort()
  const vmms = stage.vmms()
  const strange = vmms.filter(({ name }) => !(name.replace('default.', '') in wish.vms))
  const names = shown.map(({ metadata }) => metadata.name).sort()
  const wanted = Object.keys(wish.vms).sort()
  return [
    ...strange.map(({ name, pid }) => `I11: ${name} runs, pid ${pid}, and nobody wants it`),
    ...(`${names}` === `${wanted}` ? [] : [`I13: the VMs are ${names}, wanted are ${wanted}`]),
    ...(`${states}` === `${wish.states}` ? [] : [`I13: the states are ${states}, wanted are ${wish.states}`]),
    ...Object.values(wish.vms).flatMap((vm) => {
      const own = vmms.filter(({ name }) => name === `default.${vm.name}`).map(({ pid }) => pid)
      const status = shown.find(({ metadata }) => metadata.name === vm.name)
      if (!wantsToRun(vm)) return own.length === 0 ? [] : [`I13: ${vm.name} is ${vm.strategy} and runs, pid ${own}`]
      if (own.length !== 1) return [`I13: ${vm.name} has ${own.length} VMMs: ${own}; ${JSON.stringify(status?.status)}`]
      const isReady = is(status, 'Ready') === 'True' && status?.status.phase === 'Running'
      const wrong = isReady ? [] : [`I13: ${vm.name} is not ready: ${JSON.stringify(status?.status)}`]
      return [...wrong, ...argvWrong(own[0]!, vm)]
    }),
  ]
}

function argvWrong(pid: number, { name, memory }: VmWish): readonly string[] {
  const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  return argv.includes(` -m size=${memory * 1024}K `) ? [] : [`I13: ${name} does not run with ${memory} MiB: ${argv}`]
}

/** Links, ports and rules: those of the VMs that there are, running or not, and no more. */
async function netWrong({ stage }: Scene, wish: Wish): Promise<readonly string[]> {
  const { links, rules, forwarding } = await netPictureOf(stage)
  const root = JSON.parse(readFileSync(`${stage.state}/root.json`, 'utf8')) as { id: string; group: number }
  const ours = links.filter(
    (link) => String(link.ifalias).startsWith(`moorage:${root.id}/`) || link.group === String(root.group),
  )
  const vms = Object.values(wish.vms)
  const wanted = [...vms.map(({ name }) => `vm-${name}`), ...new Set(vms.map(({ network }) => `br-${network}`))].sort()
  const names = ours.map(({ ifname }) => String(ifname)).sort()
  const masters = new Map(links.map(({ ifname, master }) => [ifname, master]))
  const table = rules.filter((line) => !line.includes(foreignTable)).join('\n')
  const ports = new Set([...table.matchAll(/\bvm-[a-z]\b/g)].map(([port]) => port))
  const wantedPorts = vms.map(({ name }) => `vm-${name}`).sort()
  return [
    ...(`${names}` === `${wanted}` ? [] : [`I11: the links are ${names}, wanted are ${wanted}`]),
    ...vms.flatMap(({ name, network }) => {
      const master = masters.get(`vm-${name}`)
      return master === `br-${network}` ? [] : [`I13: vm-${name} is on ${master}, wanted is br-${network}`]
    }),
    ...(`${[...ports].sort()}` === `${wantedPorts}`
      ? []
      : [`I4: rules speak of ${[...ports]}, wanted are ${wantedPorts}`]),
    ...(vms.length > 0 || table === '' ? [] : [`I11: rules are left: ${table.slice(0, 200)}`]),
    ...((forwarding === '1') === vms.length > 0 ? [] : [`I13: ip_forward is ${forwarding} with ${vms.length} VMs`]),
  ]
}

/** How a sentence begins of which something will come. */
export const toBeDone = 'I13: still to be done'

async function planWrong({ stage }: Scene): Promise<readonly string[]> {
  const plan = (await stage.ask('GET', '/v1/plan')) as { actions: readonly unknown[]; waits: readonly unknown[] }
  const { hold, problems } = await stage.problems()
  return [...plan.actions, ...plan.waits, ...problems, ...(hold === null ? [] : [hold])].map(
    (one) => `${toBeDone}: ${JSON.stringify(one).slice(0, 300)}`,
  )
}

/** Runtime folders, records and drafts. */
function filesWrong({ stage }: Scene, wish: Wish): readonly string[] {
  const paths = (folder: string) => filesBelow(folder).map((line) => line.split(' ')[0]!)
  const [run, state] = [paths(stage.run), paths(stage.state)]
  const vms = Object.values(wish.vms)
  const running = vms.filter(wantsToRun).length
  const leavings = [...run, ...state].filter((path) => /\.new|credential-|oem-|\.deleted|\.tmp/.test(path))
  const counts: readonly (readonly [string, number, number])[] = [
    ['runtime folders', count(run, /^vms\/[^/]+\/$/), running],
    ['links in by-name', count(run, /^by-name\/./), running],
    ['records in the ledger', count(state, /^ledger\/machines\/./), vms.length],
    ['statuses of VMs', count(state, /^status\/MicroVM,/), vms.length],
    ['stored Secrets', count(state, /^secrets\/accepted\/./), secrets.length],
  ]
  return [
    ...leavings.map((path) => `I11: ${path} was left behind`),
    ...counts.flatMap(([what, is, wanted]) => (is === wanted ? [] : [`I11: ${is} ${what}, wanted are ${wanted}`])),
  ]
}

function count(paths: readonly string[], pattern: RegExp): number {
  return paths.filter((path) => pattern.test(path)).length
}
