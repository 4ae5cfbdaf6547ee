import { setTimeout as sleep } from 'node:timers/promises'
import { type Stage as Host, openStage } from '../host/stage.ts'
import { network, yaml } from '../host/stage-manifests.ts'
import { until } from '../host/stage-until.ts'
import { tenant } from '../kubernetes/cluster.ts'
import { putRest, restImage, restingVm } from '../kubernetes/images.ts'
import { type Installation, openInstallation } from '../kubernetes/installation.ts'
import type { Bench } from './bench.ts'
import type { Figure, Sample } from './figure.ts'
import { putGuest } from './guest.ts'
import { residentOf } from './processes.ts'
import { repetitions, type Stage } from './stage.ts'

const sizes = [
  { count: 1, times: 7 },
  { count: 10, times: 5 },
  { count: 50, times: 3 },
] as const

/** VMs that run while requests are counted. */
const levels = [0, 10, 50, 200] as const

/** Milliseconds for which requests are counted at rest, and of quiet before. */
const watched = 20_000
const calm = 8000

const start =
  'ours: from the start of `kubectl apply` of all of them until the log of their host says that the last VMM answers on QMP. bare: the same VMs as one file that is dropped into the folder of a host without a cluster, in the same minute'
const asked = 'as the audit log of kube-apiserver tells; one host and one manager'

/** A host of a real control plane beside a host with a folder: both find the same VMs. */
export const kubernetes: Bench = {
  name: 'kubernetes',
  what: 'kubectl apply -> every VMM answers on QMP; requests and memory of agent and manager',
  async run(stage) {
    putGuest(process.env.MOORAGE_CACHE ?? '')
    const installation = await openInstallation({ nodes: ['node-a'], prepare: putRest })
    try {
      const allowed = { networks: [{ name: 'n1' }], images: ['rest'], hostIdentifiers: ['TAP'] }
      const image = restImage(installation.nodes[0]!.stage)
      await installation.offer(tenant('default', allowed), network('n1'), image)
      const figures: Figure[] = []
      for (const size of sizes) figures.push(...(await measureStarts(stage, installation, size)))
      figures.push(...(await withFolder((folder) => measureLevels(stage, installation, folder))))
      return figures
    } finally {
      await installation.close()
    }
  },
}

/** A host without a cluster that knows the same image and network; fresh, since most of its VMs may not go at once. */
async function withFolder<T>(work: (folder: Host) => Promise<T>): Promise<T> {
  const folder = await openStage()
  try {
    putRest(folder)
    folder.write('base.yaml', yaml(network('n1'), restImage(folder)))
    await folder.start()
    await folder.settled(30)
    return await work(folder)
  } finally {
    await folder.close()
  }
}

async function measureStarts(
  stage: Stage,
  installation: Installation,
  { count, times }: (typeof sizes)[number],
): Promise<readonly Figure[]> {
  const [answers, command]: [Sample[], Sample[]] = [[], []]
  for (let round = 0; round < repetitions(stage, times); round += 1) {
    stage.say(`kubernetes ${count}: ${round + 1} of ${repetitions(stage, times)}`)
    const names = namesOf(`s${count}-${round}-`, count)
    const bare = await withFolder((folder) => dropped(folder, names))
    const ours = await applied(installation, names)
    await emptyCluster(installation)
    answers.push({ bare, ours: ours.milliseconds })
    command.push({ bare: null, ours: ours.command })
  }
  const name = `kubectl apply -> ${count} ${count === 1 ? 'VM answers' : 'VMs answer'}`
  return [
    { name, unit: 'ms', samples: answers, goal: null, note: start },
    { name: '  until kubectl has ended', unit: 'ms', samples: command, goal: null, note: null },
  ]
}

/** At each number of VMs: requests while they come and at rest, and memory. */
async function measureLevels(stage: Stage, installation: Installation, folder: Host): Promise<readonly Figure[]> {
  const { audit, manager, nodes } = installation
  const agent = nodes[0]!.stage
  const figures: Figure[] = []
  let names: readonly string[] = []
  for (const count of levels) {
    stage.say(`kubernetes: ${count} VMs at rest`)
    const more = namesOf(`l${count}-`, count - names.length)
    names = [...names, ...more]
    const began = Date.now()
    if (more.length > 0) {
      await Promise.all([applied(installation, more), dropped(folder, more)])
      await untilReady(installation, names)
      const seconds = (Date.now() - began) / 1000
      for (const from of ['agent', 'manager'] as const) {
        const requests = audit.since(began).filter((one) => one.from === from).length
        const note = `${asked}; from the first apply until all are Ready`
        figures.push(
          one(`requests of the ${from} for ${more.length} VMs more`, 'count', requests, note),
          one('  a second', 'count', requests / seconds, note),
        )
      }
    }
    await agent.settled(60)
    await sleep(calm)
    const rest = Date.now()
    await sleep(watched)
    for (const from of ['agent', 'manager'] as const) {
      const requests = audit.since(rest).filter((one) => one.from === from).length
      figures.push(one(`requests a second at rest, ${from}, ${count} VMs`, 'count', requests / (watched / 1000), asked))
    }
    const beside = residentOf(folder.pid)
    figures.push({
      name: `memory of the agent beside ${count} VMs`,
      unit: 'MB',
      samples: [{ bare: beside, ours: residentOf(agent.pid) }],
      goal: null,
      note: 'bare: the controller of the folder beside as many',
    })
    figures.push(one(`memory of the manager beside ${count} VMs`, 'MB', residentOf(manager.pid), null))
  }
  return figures
}

function one(name: string, unit: Figure['unit'], value: number, note: string | null): Figure {
  return { name, unit, samples: [{ bare: null, ours: value }], goal: null, note }
}

function namesOf(prefix: string, count: number): readonly string[] {
  return Array.from({ length: Math.max(0, count) }, (_, index) => `${prefix}${index}`)
}

const manifestOf = (names: readonly string[]) =>
  yaml(...names.map((name) => restingVm(name, 'n1', { interfaces: [{ name: 'eth0', network: { name: 'n1' } }] })))

/** Milliseconds from the start of kubectl to its end, and until all of them answer. */
async function applied(
  installation: Installation,
  names: readonly string[],
): Promise<{ readonly command: number; readonly milliseconds: number }> {
  const host = installation.nodes[0]!.stage
  const [text, from] = [manifestOf(names), host.log().length]
  const at = Date.now()
  await installation.cluster.apply(text)
  const command = Date.now() - at
  return { command, milliseconds: (await lastAnswer(host, from, names.length)) - at }
}

async function dropped(folder: Host, names: readonly string[]): Promise<number> {
  const [text, from] = [manifestOf(names), folder.log().length]
  const at = Date.now()
  folder.write(`${names[0]}.yaml`, text)
  return (await lastAnswer(folder, from, names.length)) - at
}

/** When the last of so many VMMs answered, as the log behind a place tells; milliseconds since 1970. */
async function lastAnswer(host: Host, from: number, count: number): Promise<number> {
  const answers = () =>
    host
      .log()
      .slice(from)
      .split('\n')
      .filter((line) => line.includes('"msg":"done"') && line.includes('"action":"startMachine/'))
  const lines = await until(`${count} VMs answer`, 60 + count, answers, (found) => found.length >= count)
  return Math.max(...lines.map((line) => Date.parse((JSON.parse(line) as { time: string }).time)))
}

async function untilReady({ cluster }: Installation, names: readonly string[]): Promise<void> {
  await cluster.kubectl('wait', '--for=condition=Ready', 'microvm', ...names, '--timeout=120s')
}

async function emptyCluster({ cluster, nodes }: Installation): Promise<void> {
  await cluster.kubectl('delete', 'microvms', '--all', '--timeout=100s')
  await nodes[0]!.stage.settled(60)
  await sleep(1000)
}
