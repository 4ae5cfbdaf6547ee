import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStage, type Stage } from '../host/stage.ts'
import { type Fields, yaml } from '../host/stage-manifests.ts'
import { until } from '../host/stage-until.ts'
import { type Audit, openAudit } from './audit.ts'
import { type Cluster, openCluster, type Shown } from './cluster.ts'
import { type History, openHistory } from './history.ts'
import { type ManagerProcess, newManager } from './manager-process.ts'

/** Moorage on a real control plane: a manager, and hosts that are network namespaces of their own. */
export interface Installation {
  readonly cluster: Cluster
  /** What the server was asked, over all of its lives. */
  readonly audit: Audit
  /** What was stored of MicroVMs. */
  readonly history: History
  readonly manager: ManagerProcess
  readonly nodes: readonly Node[]
  node(name: string): Node
  /** Applies objects of the cluster and waits until each host says that the images among them are usable. */
  offer(...objects: readonly Fields[]): Promise<void>
  /** All MicroVMs, as the server shows them. */
  vms(): Promise<readonly Shown[]>
  /** Waits for a condition of an object as `kubectl wait` does; default a minute. */
  wait(what: string, condition: string, seconds?: number): Promise<void>
  /** The last lines of every log, for when something went wrong. */
  tail(lines: number): string
  close(): Promise<void>
}

/** A host of the cluster. */
export interface Node {
  readonly name: string
  readonly stage: Stage
  /** Cuts its way to the server, and mends it. */
  setLink(state: 'up' | 'down'): Promise<void>
  /** The same without a word to anybody: its link stays up. */
  setPackets(fate: 'dropped' | 'passed'): Promise<void>
}

export interface InstallationOptions {
  readonly nodes: readonly string[]
  /** Whether a manager runs; otherwise it can be started. Default true. */
  readonly isManaged?: boolean
  /** Added to the environment of the agents. */
  readonly env?: NodeJS.ProcessEnv
  /** Puts files on a host before its agent starts. */
  readonly prepare?: (stage: Stage) => void
}

/** Processors of the machine of the tests are few, and guests of tests rest. */
const roomy = JSON.stringify({ spec: { overcommit: { vcpuPercent: 10_000 } } })

/** Starts one on a bridge of this network namespace; every host is made and has room when this resolves. */
export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const { nodes: names, isManaged = true, env, prepare } = options
  const folder = mkdtempSync(join(tmpdir(), 'moorage-installation-'))
  const audit = openAudit(folder)
  const cluster = await openCluster({ apiserver: audit.args })
  const history = openHistory(cluster.etcd)
  const manager = newManager(cluster.kubeconfig, folder)
  const nodes: Node[] = []
  const close = async () => {
    history.close()
    await manager.end('SIGTERM')
    for (const { stage } of nodes) await stage.close()
    await cluster.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const wait: Installation['wait'] = async (what, condition, seconds = 60) => {
    await cluster.kubectl('wait', `--for=${condition}`, what, `--timeout=${seconds}s`)
  }
  try {
    for (const [index, name] of names.entries()) {
      const stage = await openStage({ cluster: { kubeconfig: cluster.kubeconfig, node: name }, ...(env && { env }) })
      const number = 2 + index
      nodes.push({
        name,
        stage,
        setLink: (state) => cluster.setLink(number, state),
        setPackets: (fate) => cluster.setPackets(number, fate),
      })
      prepare?.(stage)
      await cluster.connect(stage.net, number)
    }
    if (isManaged) manager.start()
    await Promise.all(nodes.map(({ stage }) => stage.start()))
    for (const { name } of nodes) {
      await until(`${name} is made`, 30, () => cluster.get('microvmhost', name))
      await cluster.kubectl('patch', `microvmhost/${name}`, '--type=merge', '-p', roomy)
    }
  } catch (error) {
    await close()
    throw error
  }
  return {
    cluster,
    audit,
    history,
    manager,
    nodes,
    wait,
    close,
    node(name) {
      const found = nodes.find((one) => one.name === name)
      if (!found) throw new Error(`there is no host ${name}; there are ${names}`)
      return found
    },
    async offer(...objects) {
      await cluster.apply(yaml(...objects))
      const images = objects.filter(({ kind }) => kind === 'MicroVMImage')
      for (const { metadata } of images as readonly Fields[]) {
        const usable = `jsonpath={.status.images[?(@.name=="${(metadata as { name: string }).name}")].usable}=true`
        for (const { name } of nodes) await wait(`microvmhost/${name}`, usable)
      }
    },
    vms: async () => (await cluster.get<{ items: readonly Shown[] }>('microvms'))?.items ?? [],
    tail(lines) {
      const last = (text: string) => text.split('\n').slice(-lines).join('\n')
      const logs = [
        ...nodes.map(({ name, stage }) => [name, stage.log()] as const),
        ['manager', manager.log()] as const,
      ]
      return logs.map(([who, log]) => `${who}:\n${last(log)}`).join('\n')
    },
  }
}
