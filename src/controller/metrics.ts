import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { MicroVMStatus } from '../api/microvm-status.ts'
import { wantsToRun } from '../rollout/wants.ts'
import type { Stop } from '../world/watch.ts'
import type { Controller, PassEnd } from './controller.ts'
import type { Outcome } from './executor.ts'
import { newResetCounter } from './metrics-resets.ts'

/** What of a controller is measured. */
export type Measured = Pick<Controller, 'last' | 'statuses' | 'onOutcome' | 'onPass' | 'options'>

/** The numbers of one controller, in Prometheus' text format. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
  /** Stops listening. */
  readonly stop: Stop
}

const buckets = {
  pass: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
  action: [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 120],
}

/**
 * Counts what happens and shows what is. Labels are kinds of actions, reasons, phases: words of ours, and few. No label
 * is a name, a path or a message, since those have no bound and may say too much.
 */
export function newMetrics(controller: Measured): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const { clock } = controller.options.world

  const passes = new Counter({
    name: 'moorage_passes_total',
    help: 'Passes of the control loop: each looks at everything that is wanted and everything that is there.',
    labelNames: ['result'],
    registers,
  })
  const passDuration = new Histogram({
    name: 'moorage_pass_duration_seconds',
    help: 'How long a pass takes; actions run beside it.',
    buckets: buckets.pass,
    registers,
  })
  const lastPass = new Gauge({
    name: 'moorage_last_pass_timestamp_seconds',
    help: 'When the last pass ended that did not fail, in seconds since the epoch.',
    registers,
  })
  const actions = new Counter({
    name: 'moorage_actions_total',
    help: 'Actions on the host, by kind and whether they succeeded.',
    labelNames: ['kind', 'result'],
    registers,
  })
  const actionDuration = new Histogram({
    name: 'moorage_action_duration_seconds',
    help: 'How long an action takes, by kind; a stop waits for its guest.',
    labelNames: ['kind'],
    buckets: buckets.action,
    registers,
  })
  const restarts = new Counter({
    name: 'moorage_microvm_restarts_total',
    help: 'MicroVMs started again, by reason, since this controller started.',
    labelNames: ['reason'],
    registers,
  })
  for (const gauge of gaugesOf(controller)) new Gauge({ ...gauge, registers })

  const countResets = newResetCounter()
  const onPass = ({ took, error }: PassEnd) => {
    passes.inc({ result: error === null ? 'ok' : 'error' })
    passDuration.observe(took / 1000)
    if (error !== null) return
    lastPass.set(clock.now() / 1000)
    const resets = countResets(controller.last?.view.observed.machines ?? [])
    if (resets > 0) restarts.inc({ reason: 'GuestRebooted' }, resets)
  }
  const onOutcome = ({ action, error, calledBack, took }: Outcome) => {
    actions.inc({ kind: action.kind, result: error === null ? 'ok' : calledBack ? 'called back' : 'error' })
    actionDuration.observe({ kind: action.kind }, took / 1000)
    if (action.kind !== 'startMachine' || error !== null || action.reason === 'Created') return
    restarts.inc({ reason: action.reason })
  }
  const stops = [controller.onPass(onPass), controller.onOutcome(onOutcome)]
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    stop: () => {
      for (const stop of stops) stop()
    },
  }
}

/** A gauge that is worked out when somebody asks. */
interface Shown {
  readonly name: string
  readonly help: string
  readonly labelNames?: string[]
  collect(this: Gauge): void
}

function gaugesOf(controller: Measured): readonly Shown[] {
  const view = () => controller.last?.view
  const one = (name: string, help: string, value: () => number): Shown => ({
    name,
    help,
    collect() {
      this.set(value())
    },
  })
  return [
    {
      name: 'moorage_microvms',
      help: 'MicroVMs by phase.',
      labelNames: ['phase'],
      collect() {
        this.reset()
        for (const phase of phases) this.set({ phase }, 0)
        for (const { phase } of statusesOf(controller)) this.inc({ phase: known(phase) })
      },
    },
    one('moorage_microvms_wanted', 'MicroVMs that should be running.', () => {
      return view()?.state.machines.filter(wantsToRun).length ?? 0
    }),
    one('moorage_microvms_ready', 'MicroVMs that run and answer their readiness probe.', () => {
      return view()?.observed.machines.filter(({ phase, ready }) => phase === 'Running' && ready).length ?? 0
    }),
    one(
      'moorage_source_problems',
      'What is wrong with the manifests, in sentences to read with `moorage plan`.',
      () => {
        return controller.last?.source.problems.length ?? 0
      },
    ),
    one('moorage_source_held', '1 while objects without a manifest are not taken as deleted, else 0.', () => {
      return (controller.last?.source.hold ?? null) === null ? 0 : 1
    }),
    one('moorage_refusals', 'Wishes that cannot be carried out as they are.', () => {
      return (view()?.refusals.length ?? 0) + (view()?.plan.refusals.length ?? 0)
    }),
    one('moorage_waits', 'What is waited for: a backoff, a neighbour that restarts.', () => {
      return view()?.plan.waits.length ?? 0
    }),
    one('moorage_actions_failing', 'Actions that failed and are tried again later.', () => view()?.failures.size ?? 0),
  ]
}

const phases = ['Pending', 'Starting', 'Running', 'Stopping', 'Stopped', 'Failed', 'Unknown'] as const

/** A phase of a status that another version wrote is no label of its own. */
function known(phase: string | undefined): string {
  return phases.find((one) => one === phase) ?? 'Unknown'
}

function statusesOf({ last, statuses }: Measured): readonly MicroVMStatus[] {
  return (last?.source.objects ?? [])
    .filter(({ ref }) => ref.kind === 'MicroVM')
    .map(({ key }) => (statuses.current.get(key) ?? {}) as MicroVMStatus)
}
