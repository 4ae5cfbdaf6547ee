import type { Command } from 'commander'
import { API_VERSION } from '../api/meta.ts'
import type { MicroVMOperation } from '../api/operation.ts'
import type { ShownObject } from '../controller/control-wire.ts'
import type { Random } from '../world/clock.ts'
import { type Client, openClient } from './client.ts'
import { conditionOf, hasCondition } from './condition.ts'
import type { Context } from './context.ts'
import { parseDuration } from './duration.ts'
import { Failure } from './failure.ts'
import type { Page } from './page.ts'
import { progress } from './progress.ts'
import { findOne, kindOfWord } from './target.ts'
import { until } from './until.ts'

export interface PowerOptions {
  readonly namespace?: string
  readonly grace?: string
  readonly wait?: boolean
  readonly timeout: string
}

type Verb = 'Start' | 'Stop' | 'Restart'

/** Milliseconds until the controller must have said yes or no. */
const patience = 5000

/** Seconds after which an operation that nobody took on lapses. */
const ttlSeconds = 600

/** The page of `start`, `stop` or `restart`: each makes a MicroVMOperation and waits for what is said of it. */
export function powerPage(type: Verb): Page<[string], PowerOptions> {
  return {
    define(command: Command) {
      command.argument('<name>', 'a MicroVM')
      command.option('-n, --namespace <namespace>', 'where it is; needed when a name is in several')
      if (type !== 'Start') {
        command.option('--grace <seconds>', 'how long the guest may take to go; default: what its manifest says')
      }
      command.option('--wait', type === 'Stop' ? 'until it is stopped' : 'until it is ready')
      command.option('--timeout <time>', 'how long to wait with --wait', '5m')
    },
    async run(context, [name], options) {
      const client = openClient(context)
      const timeout = parseDuration(options.timeout)
      const vm = await findOne(client, kindOfWord('MicroVM'), name, options.namespace)
      const operation = operationFor(type, vm, parseGrace(options.grace), context.random)
      await client.apply([operation])
      await untilTaken(context, client, operation)
      if (options.wait) await untilDone(context, client, type, vm, timeout)
      context.out(`MicroVM ${vm.metadata.namespace}/${name} ${words[type][options.wait ? 'done' : 'asked']}\n`)
      return 0
    },
  }
}

const words = {
  Start: { asked: 'starts', done: 'runs and is ready' },
  Stop: { asked: 'stops', done: 'is stopped' },
  Restart: { asked: 'restarts', done: 'was restarted and is ready' },
} as const

/** Its name is a DNS label whatever the VM is called; the uid keeps it from a later VM of the same name. */
export function operationFor(
  type: Verb,
  { metadata }: ShownObject,
  gracePeriodSeconds: number | undefined,
  random: Random,
): MicroVMOperation {
  const tail = Buffer.from(random.bytes(4)).toString('hex')
  const name = `${type.toLowerCase()}-${metadata.name.slice(0, 40).replace(/-+$/, '')}-${tail}`
  return {
    apiVersion: API_VERSION,
    kind: 'MicroVMOperation',
    metadata: { name, namespace: metadata.namespace ?? 'default' },
    spec: {
      type,
      microVM: { name: metadata.name },
      uid: metadata.uid,
      ttlSeconds,
      ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    },
  }
}

function parseGrace(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (/^\d{1,4}$/.test(text) && seconds <= 3600) return seconds
  throw new Failure(`--grace ${text} is no number of seconds from 0 to 3600`)
}

async function untilTaken(context: Context, client: Client, { metadata, spec }: MicroVMOperation): Promise<void> {
  let said: ShownObject | undefined
  const query = { kind: 'MicroVMOperation', namespace: metadata.namespace, name: metadata.name }
  const answered = await until(context, client, query, patience, ([operation]) => {
    said = operation
    return ['Accepted', 'Refused', 'Lapsed'].includes(String(operation?.status?.phase))
  })
  const verb = spec.type.toLowerCase()
  if (!answered)
    throw new Failure(`nobody took the ${verb} on within ${patience / 1000} s; it lapses in ${ttlSeconds} s`)
  if (said?.status?.phase !== 'Accepted') throw new Failure(`no ${verb}: ${said?.status?.message}`)
}

/** The incarnation that runs tells a VM that is ready again from one that has not been stopped yet. */
async function untilDone(
  context: Context,
  client: Client,
  type: Verb,
  before: ShownObject,
  timeout: number,
): Promise<void> {
  const { namespace, name, uid } = before.metadata
  let last: ShownObject | undefined
  const line = progress(context)
  line.show(`${type === 'Stop' ? 'stopping' : 'starting'} ${name}`)
  const met = await until(context, client, { kind: 'MicroVM', namespace, name }, timeout, ([vm]) => {
    last = vm
    if (vm === undefined || vm.metadata.uid !== uid) return type === 'Stop'
    if (type === 'Stop') return vm.status?.phase === 'Stopped'
    const isNew = type === 'Start' || startedAt(vm) !== startedAt(before)
    return isNew && vm.status?.phase === 'Running' && hasCondition(vm, 'Ready', 'True')
  }).finally(() => line.clear())
  if (met) return
  const ready = last && conditionOf(last, 'Ready')
  const state = ready ? `Ready=${ready.status} (${ready.reason}: ${ready.message})` : 'not there any more'
  throw new Failure(`${name} is ${last?.status?.phase ?? 'gone'} and ${state} after all that time`)
}

function startedAt({ status }: ShownObject): unknown {
  return (status?.hypervisor as { startedAt?: unknown } | undefined)?.startedAt
}
