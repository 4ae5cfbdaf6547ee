import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '../world/clock.ts'
import type { HttpHandler, HttpResponse } from '../world/stream.ts'
import type { Pass } from './manager.ts'

/** What a manager tells of itself. */
export interface ManagerMetrics {
  readonly onPass: (pass: Pass) => void
  readonly onLeading: (leads: boolean) => void
  /**
   * `/metrics`; `/readyz`: it runs, leading or waiting to; `/healthz`: one that leads looks at the cluster now and then, with
   * success or without.
   */
  readonly handle: HttpHandler
}

/** Milliseconds between two looks after which a manager that leads counts as dead; it looks every half minute. */
const patience = 120_000

/** Counts what happens. Labels are words of ours, and few: no name of an object is one. */
export function newManagerMetrics(clock: Clock): ManagerMetrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const leading = new Gauge({
    name: 'moorage_manager_leading',
    help: '1 while this manager leads, else 0.',
    registers,
  })
  const passes = new Counter({
    name: 'moorage_manager_passes_total',
    help: 'Looks at the whole cluster.',
    labelNames: ['result'],
    registers,
  })
  const duration = new Histogram({
    name: 'moorage_manager_pass_duration_seconds',
    help: 'How long a look takes, with what it writes.',
    buckets: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10],
    registers,
  })
  const writes = new Counter({
    name: 'moorage_manager_writes_total',
    help: 'Writes to the API server, by what is written and what became of it.',
    labelNames: ['do', 'result'],
    registers,
  })
  const machines = new Gauge({
    name: 'moorage_manager_microvms',
    help: 'MicroVMs of the cluster, by whether they are bound to a host.',
    labelNames: ['bound'],
    registers,
  })
  const hosts = new Gauge({
    name: 'moorage_manager_hosts',
    help: 'Hosts of the cluster, by what their Lease says.',
    labelNames: ['pulse'],
    registers,
  })
  const told = new Gauge({
    name: 'moorage_manager_problems',
    help: 'What is wrong with objects and left as it is, in sentences of the log.',
    registers,
  })
  let leads = false
  let lookedAt = clock.monotonic()

  function show({ cluster, decision }: Pass): void {
    if (cluster === null || decision === null) return
    const bound = cluster.machines.filter((machine) => machine.bound !== null).length
    machines.set({ bound: 'yes' }, bound)
    machines.set({ bound: 'no' }, cluster.machines.length - bound)
    const pulses = cluster.hosts.map(({ ref }) => cluster.pulses.get(ref.name)?.is ?? 'silent')
    for (const pulse of ['live', 'unheard', 'silent']) hosts.set({ pulse }, pulses.filter((is) => is === pulse).length)
    told.set(decision.told.length)
  }

  return {
    onPass(pass) {
      lookedAt = clock.monotonic()
      passes.inc({ result: pass.error === null ? 'ok' : 'error' })
      duration.observe(pass.took / 1000)
      for (const { write, outcome } of pass.outcomes) writes.inc({ do: write.do, result: outcome.is })
      show(pass)
    },
    onLeading(now) {
      leads = now
      lookedAt = clock.monotonic()
      leading.set(now ? 1 : 0)
    },
    async handle({ method, path }) {
      if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET is answered')
      if (path === '/metrics') return { status: 200, type: registry.contentType, body: await registry.metrics() }
      if (path === '/readyz') return text(200, leads ? 'it leads' : 'it waits for its turn to lead')
      if (path !== '/healthz') return text(404, 'there are /metrics, /healthz and /readyz')
      const ago = clock.monotonic() - lookedAt
      if (!leads || ago <= patience) return text(200, 'ok')
      return text(503, `it leads and has not looked at the cluster for ${Math.round(ago / 1000)} s; see its log`)
    },
  }
}

function text(status: number, sentence: string): HttpResponse {
  return { status, type: 'text/plain; charset=utf-8', body: `${sentence}\n` }
}
