import { readFileSync } from 'node:fs'
import { availableParallelism, loadavg, release } from 'node:os'
import { parseArgs } from 'node:util'
import { type Bench, Skipped } from './bench.ts'
import { drift } from './drift.ts'
import type { Result } from './figure.ts'
import { idle } from './idle.ts'
import { kill } from './kill.ts'
import { kubernetes } from './kubernetes.ts'
import { libvirt } from './libvirt.ts'
import { memory } from './memory.ts'
import { remove } from './remove.ts'
import { restart } from './restart.ts'
import { openStage, type Stage } from './stage.ts'
import { start } from './start.ts'
import { resultOf } from './statistics.ts'
import { tableOf } from './table.ts'
import { tool } from './tool.ts'

const benches: readonly Bench[] = [start, remove, kill, drift, restart, idle, memory, libvirt, kubernetes]

const usage = `npm run bench -- [--only NAME]... [--effort X] [--scale N] [--json]

  --only NAME   one of: ${benches.map(({ name }) => name).join(', ')}; may be given again
  --effort X    repeats everything X times as often (default 1)
  --scale N     VMs of the figures at scale (default 1000)
  --json        prints JSON instead of a table

${benches.map(({ name, what }) => `  ${name.padEnd(10)} ${what}`).join('\n')}
`

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    effort: { type: 'string', default: '1' },
    scale: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    folder: { type: 'string', default: '' },
    bare: { type: 'string', default: '' },
    moorage: { type: 'string', default: '' },
  },
})

/** The machine and its mood, without which the numbers mean nothing. */
function hostOf() {
  return {
    processors: availableParallelism(),
    model: /^model name\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown',
    kernel: release(),
    node: process.version,
    qemu: tool('qemu-system-x86_64', '--version').split('\n')[0] ?? '',
    load: loadavg()[0] ?? 0,
    at: new Date().toISOString(),
  }
}

async function main(): Promise<number> {
  const wanted = values.only ?? benches.map(({ name }) => name)
  const unknown = wanted.filter((name) => benches.every((bench) => bench.name !== name))
  if (values.help || unknown.length > 0) {
    process.stdout.write(unknown.length > 0 ? `there is no ${unknown.join(', ')}\n\n${usage}` : usage)
    return unknown.length > 0 ? 1 : 0
  }
  const stage: Stage = openStage({
    folder: values.folder,
    bare: values.bare,
    moorage: values.moorage,
    flight: availableParallelism(),
    effort: Number(values.effort),
    scale: Number(values.scale),
    say: (line) => process.stderr.write(`${line}\n`),
  })
  const host = hostOf()
  const results: Result[] = []
  const failures: string[] = []
  const skips: string[] = []
  for (const bench of benches.filter(({ name }) => wanted.includes(name))) {
    stage.say(`${bench.name}: ${bench.what}`)
    try {
      results.push(...(await bench.run(stage)).map(resultOf))
    } catch (error) {
      const sentence = `${bench.name}: ${error instanceof Error ? error.message : error}`
      ;(error instanceof Skipped ? skips : failures).push(sentence)
      stage.say(sentence)
    }
  }
  process.stdout.write(values.json ? `${JSON.stringify({ host, results, failures, skips }, null, 2)}\n` : report())
  return failures.length > 0 ? 1 : 0

  function report(): string {
    const { processors, model, kernel, node, qemu, load, at } = host
    const busy =
      load > 1 ? '\nThe machine was busy with something else: milliseconds are too high, ratios unsteady.' : ''
    const head = `${at}, ${processors} x ${model}, Linux ${kernel}, Node ${node}, ${qemu}; load ${load.toFixed(2)} before it began${busy}`
    const missing = [
      ...failures.map((sentence) => `not measured: ${sentence}\n`),
      ...skips.map((sentence) => `skipped: ${sentence}\n`),
    ].join('')
    return `\n${head}\nMedians; "range" is of ours, "of pairs" of the ratios of ours to the bare reference measured next to it.\n\n${tableOf(results)}${missing}`
  }
}

process.exitCode = await main()
// What a failed figure left behind must not keep us: process 1 takes it along.
process.exit()
