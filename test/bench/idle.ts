import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Bench } from './bench.ts'
import { isDone } from './controller.ts'
import type { Sample } from './figure.ts'
import { folderOf, memoryGoal } from './memory.ts'
import { cpuOfFamily, lastPid, pidsOf, residentOf } from './processes.ts'
import { vmm } from './root.ts'
import { eachOnce, type Scene, withController } from './scene.ts'
import { repetitions, type Stage } from './stage.ts'
import { toolBeside } from './tool.ts'
import { openWitness } from './witness.ts'

/** Passes of one sample. */
const passes = 10

/** Milliseconds between passes that only time asks for, as config.yaml says below. */
const period = 1000

interface Idle {
  readonly cpu: number
  readonly children: number
  readonly changes: readonly string[]
}

/** Nothing happens beside many VMs, and the controller looks at all of them once a second. */
export const idle: Bench = {
  name: 'idle',
  what: 'one idle pass beside 1000 VMs with real links, rules and processes',
  run: (stage) =>
    withController(stage, `resyncSeconds: ${period / 1000}\n`, async (scene) => {
      const scale = Math.min(stage.scale, roomFor())
      if (scale < stage.scale) stage.say(`idle: memory for ${scale} VMs instead of ${stage.scale}`)
      await startMany(stage, scene, scale)
      await sleep(20 * period)
      const samples: { readonly ours: Idle; readonly bare: number; readonly detailed: number }[] = []
      for (let round = 0; round < repetitions(stage, 5); round += 1) {
        stage.say(`idle: ${round + 1} of ${repetitions(stage, 5)}`)
        const ours = await watchIdle(scene)
        for (const change of ours.changes) stage.say(`idle: changed: ${change}`)
        samples.push({
          ours,
          bare: await bareRead(stage, ['-N', '-4', '-j', 'addr']),
          detailed: await bareRead(stage, ['-j', '-d', 'addr']),
        })
      }
      const resident = residentOf(scene.controller.pid)
      const of = (pick: (sample: (typeof samples)[number]) => Sample) => samples.map(pick)
      return [
        {
          name: `idle pass beside ${scale} VMs`,
          unit: 'ms CPU',
          samples: of(({ ours, bare }) => ({ ours: ours.cpu, bare })),
          goal: { kind: 'ratio', most: 1.5 },
          note: `CPU of the controller and its children for a pass, over ${passes} passes a second apart, all it does meanwhile included. bare: \`ip -N -4 -j addr\`, \`nft -j list ruleset\`, and /proc/PID/stat of each VMM read once`,
        },
        {
          name: '  beside `ip -j -d addr`',
          unit: 'ms CPU',
          samples: of(({ ours, detailed }) => ({ ours: ours.cpu, bare: detailed })),
          goal: null,
          note: 'the same with a reference that asks for details, for which ip(8) asks the name service for the owner of each TAP',
        },
        {
          name: '  children of a pass',
          unit: 'count',
          samples: of(({ ours }) => ({ ours: ours.children, bare: null })),
          goal: { kind: 'value', most: 3 },
          note: 'processes and threads made in its PID namespace, divided by passes',
        },
        {
          name: '  changes: links, rules, files, actions',
          unit: 'count',
          samples: of(({ ours }) => ({ ours: ours.changes.length, bare: null })),
          goal: { kind: 'value', most: 0 },
          note: 'as `ip monitor`, `nft monitor`, the log and the files below etc and var tell',
        },
        {
          name: `memory beside ${scale} running VMs`,
          unit: 'MB',
          samples: [{ ours: resident, bare: null }],
          goal: { kind: 'value', most: memoryGoal(scale) },
          note: null,
        },
      ]
    }),
}

/** Megabytes of a VMM of a resting guest that it shares with no other, rounded up; and what is left to everybody else. */
const each = 20
const reserve = 2048

/** VMs that there is memory for. */
function roomFor(): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]
  return Math.max(1, Math.floor((Number(kilobytes ?? 0) / 1024 - reserve) / each))
}

/** Real VMMs of resting guests, in a file each. */
async function startMany(stage: Stage, { root, controller }: Scene, count: number): Promise<void> {
  const from = controller.lines.length
  const at = root.dropFolder('fleet', folderOf(count, 'Always'))
  const options = { from, count, milliseconds: 120_000 + 2000 * count }
  const last = await controller.until(`start of ${count} VMs`, eachOnce(isDone('startMachine/')), options)
  stage.say(`idle: ${count} VMs answered after ${((last.at - at) / 1000).toFixed(1)} s`)
}

/** Nothing here may make a process or a thread while it counts. */
async function watchIdle({ root, controller }: Scene): Promise<Idle> {
  const witness = await openWitness(root)
  const from = controller.lines.length
  const before = {
    passes: await controller.metric('moorage_passes_total'),
    cpu: cpuOfFamily(controller.pid, vmm),
    pid: lastPid(),
  }
  await sleep(passes * period)
  const after = {
    cpu: cpuOfFamily(controller.pid, vmm),
    pid: lastPid(),
    passes: await controller.metric('moorage_passes_total'),
  }
  const changes = await witness.changes()
  witness.close()
  const count = after.passes - before.passes
  if (count === 0) throw new Error('no pass ended meanwhile')
  const actions = controller.lines
    .slice(from)
    .filter(isDone(''))
    .map(({ action }) => action)
  return {
    cpu: (after.cpu - before.cpu) / count,
    children: (after.pid - before.pid) / count,
    changes: [...changes, ...actions],
  }
}

/** CPU of the reference, the median of some. */
async function bareRead({ bare }: Stage, ip: readonly string[]): Promise<number> {
  const programs = ['ip', ...ip, '--', 'nft', '-j', 'list', 'ruleset', '--']
  const text = await toolBeside(bare, 'read', '9', ...programs, ...pidsOf(vmm).map(String))
  const all = (JSON.parse(text) as readonly { cpu: number }[]).map(({ cpu }) => cpu).toSorted((a, b) => a - b)
  return all[Math.floor(all.length / 2)]!
}
