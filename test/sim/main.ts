import { parseArgs } from 'node:util'
import { simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    first: { type: 'string', default: '1' },
    trace: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const first = Number(values.seed ?? values.first)
const seeds = values.seed === undefined ? Number(values.seeds) : 1
const began = performance.now()
let bad = 0
for (let seed = first; seed < first + seeds; seed += 1) {
  const from = performance.now()
  const outcome = await simulate(seed, values.trace ? { trace: 100_000 } : {})
  const took = performance.now() - from
  if (took > 1000)
    console.log(`seed ${seed} took ${Math.round(took)} ms, ${outcome.steps} steps, ${outcome.calm} ms to calm`)
  if (values.trace) process.stdout.write(outcome.trace.join(''))
  if (outcome.broken.length > 0) {
    bad += 1
    console.log(`seed ${seed}: ${outcome.broken[0]}`)
    if (values.seed !== undefined && !values.trace) process.stdout.write(outcome.trace.slice(-150).join(''))
  }
}
const seconds = (performance.now() - began) / 1000
console.log(`${seeds} seeds, ${bad} with violations, ${(seeds / seconds).toFixed(1)} a second`)
