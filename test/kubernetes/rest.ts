import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Shown } from './cluster.ts'
import type { Installation, Node } from './installation.ts'

/** A VM that somebody applied, and nobody deleted. */
export interface Wanted {
  readonly name: string
  readonly runs: boolean
  /** MiB. */
  readonly memory: number
}

/** What of a cluster is not as it is wanted, a sentence each; none when it is at rest. It only looks. */
export async function wrongAtRest(installation: Installation, wanted: readonly Wanted[]): Promise<readonly string[]> {
  const { history, manager, nodes, vms } = installation
  const shown = new Map((await vms()).map((one) => [one.metadata.name, one]))
  const strange = [...shown.keys()].filter((name) => wanted.every((one) => one.name !== name))
  const parts = nodes.map((node) => hostWrong(installation, node, wanted, shown))
  return [
    ...history.wrong,
    ...(manager.leads() ? [] : ['I13: no manager leads']),
    ...strange.map((name) => `I13: ${name} is there, and nobody wants it`),
    ...wanted.flatMap((vm) => vmWrong(installation, vm, shown.get(vm.name))),
    ...(await Promise.all(parts)).flat(),
  ]
}

function vmWrong({ nodes }: Installation, vm: Wanted, shown: Shown | undefined): readonly string[] {
  const { name, runs, memory } = vm
  if (shown === undefined) return [`I13: ${name} is wanted, and it is not there`]
  const { metadata, status } = shown
  const own = nodes.flatMap((node) =>
    vmmsNamed(node, name).map(({ pid }) => ({ pid, where: `${node.name} as ${pid}`, on: node.name })),
  )
  const isNewest = status?.observedGeneration === metadata.generation
  const say = `${JSON.stringify(status)} of generation ${metadata.generation}`
  if (own.length !== (runs ? 1 : 0)) {
    return [`I13: ${name} ${runs ? 'is to run' : 'is halted'} and has VMMs: ${own.map(({ where }) => where)}; ${say}`]
  }
  if (!runs) return isNewest && status.phase === 'Stopped' ? [] : [`I13: ${name} is not told as stopped: ${say}`]
  const isReady = isNewest && status.phase === 'Running' && conditionOf(shown, 'Ready') === 'True'
  const [{ pid, on, where }] = own as [(typeof own)[number]]
  const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  return [
    ...(isReady ? [] : [`I13: ${name} is not ready: ${say}`]),
    ...(on === status?.nodeName ? [] : [`I13: ${name} runs on ${where} and is bound to ${status?.nodeName}`]),
    ...(argv.includes(` -m size=${memory * 1024}K `) ? [] : [`I13: ${name} does not run with ${memory} MiB: ${argv}`]),
  ]
}

/** What a host says of itself, its TAPs and its folders of VMs: all about what is bound to it, and no more. */
async function hostWrong(
  { cluster }: Installation,
  { name: node, stage }: Node,
  wanted: readonly Wanted[],
  shown: ReadonlyMap<string, Shown>,
): Promise<readonly string[]> {
  const bound = wanted.filter(({ name }) => shown.get(name)?.status?.nodeName === node)
  const links = [...(await stage.net.exec(['ip', '-br', 'link'])).matchAll(/^vm-([^ @]+)/gm)].map(([, name]) => name!)
  const folders = readdirSync(join(stage.run, 'by-name')).map((name) => name.replace('default.', ''))
  const strange = stage.vmms().filter(({ name }) => bound.every((one) => `default.${one.name}` !== name))
  const own = await cluster.get('microvmhost', node)
  const told = (own?.status?.machines ?? []) as readonly { readonly name: string }[]
  const isReady = own !== null && conditionOf(own, 'Ready') === 'True'
  const differ = (what: string, are: readonly string[], of: readonly Wanted[]) => {
    const should = of.map(({ name }) => name).sort()
    const [missing, more] = [should.filter((one) => !are.includes(one)), are.filter((one) => !should.includes(one))]
    return missing.length + more.length === 0
      ? []
      : [`I11: ${what} of ${node}: missing are ${missing}; more than wanted are ${more}`]
  }
  return [
    ...strange.map(({ name, pid }) => `I11: ${name} runs on ${node}, pid ${pid}, and is not bound to it`),
    ...(isReady ? [] : [`I13: ${node} is not ready: ${JSON.stringify(own?.status?.conditions)}`]),
    ...differ(
      'the machines in the status',
      told.map(({ name }) => name),
      bound,
    ),
    ...differ('the TAPs', links, bound),
    ...differ(
      'the runtime folders',
      folders,
      bound.filter(({ runs }) => runs),
    ),
  ]
}

/** `True`, `False` or `Unknown`; undefined when nobody said it. */
export function conditionOf({ status }: Shown, type: string): string | undefined {
  return status?.conditions?.find((one) => one.type === type)?.status
}

function vmmsNamed({ stage }: Node, name: string) {
  return stage.vmms().filter((one) => one.name === `default.${name}`)
}
