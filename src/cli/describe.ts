import { stringify } from 'yaml'
import type { MicroVM } from '../api/microvm.ts'
import type { MicroVMStatus } from '../api/microvm-status.ts'
import type { About } from '../controller/control-wire.ts'
import type { Event } from '../controller/events.ts'
import { foldersOf, idOf, runtimeOf } from '../host/machine/runtime.ts'
import { problemText } from '../source/problem-text.ts'
import { adviceFor } from './advice.ts'
import { openClient } from './client.ts'
import { conditionsOf } from './condition.ts'
import type { Context } from './context.ts'
import { shortDuration } from './duration.ts'
import { Failure } from './failure.ts'
import type { Page } from './page.ts'
import { table } from './table.ts'
import { findOne, keyOf, kindOfWord, parseTarget } from './target.ts'

/** `moorage describe KIND NAME`. */
export const describe: Page<[string, string | undefined], { namespace?: string }> = {
  define(command) {
    command
      .argument('<kind>', 'kind, plural or short name; KIND/NAME too')
      .argument('[name]', 'the object')
      .option('-n, --namespace <namespace>', 'where it is; needed when a name is in several')
  },
  async run(context, [word, given], { namespace }) {
    const { kind, name } = word.includes('/') ? parseTarget(word) : { kind: kindOfWord(word), name: given }
    if (name === undefined) throw new Failure(`name the object too: moorage describe ${word} NAME`)
    const client = openClient(context)
    const about = await client.about(keyOf(await findOne(client, kind, name, namespace)))
    context.out(sectionsOf(context, about).join('\n'))
    return 0
  },
}

function sectionsOf(context: Context, about: About): readonly string[] {
  const now = context.clock.now()
  const { object } = about
  const vm = object.kind === 'MicroVM'
  const sections = [
    table(headOf(about, now)),
    ...(vm ? [table(machineOf(context, about))] : bodyOf(about)),
    section('Conditions', conditionsText(about, now)),
    section('Not accepted', bullets(about.newer.map(problemText))),
    section('Refused', bullets(about.refusals)),
    section('Failing', bullets(about.failures)),
    section('Waiting', bullets(about.waits)),
    section('To do', bullets(about.actions)),
    section('Events', eventsText(about.events, now)),
    section('What to try', bullets(adviceFor(about, context.paths))),
  ]
  return sections.filter((text) => text !== '')
}

function headOf({ object, origin }: About, now: number): string[][] {
  const { metadata } = object
  const labels = Object.entries(metadata.labels ?? {}).map(([key, value]) => `${key}=${value}`)
  const rows = [
    ['Name:', metadata.name],
    ...(metadata.namespace ? [['Namespace:', metadata.namespace]] : []),
    ['Kind:', object.kind],
    ['Uid:', metadata.uid],
    ['Generation:', String(metadata.generation)],
    ['Created:', ago(metadata.creationTimestamp, now)],
    ...(metadata.deletionTimestamp ? [['Deleted:', `${ago(metadata.deletionTimestamp, now)}; being undone`]] : []),
    ['Manifest:', origin ?? 'none: made by the controller or by moorage apply'],
    ...(labels.length > 0 ? [['Labels:', labels.join(' ')]] : []),
  ]
  return rows
}

/** A MicroVM in the words that people ask for: what it is, where it is reached, where its files are. */
function machineOf({ paths }: Context, { object }: About): string[][] {
  const { spec } = object as unknown as MicroVM
  const status = (object.status ?? {}) as MicroVMStatus
  const runtime = runtimeOf(paths.run, idOf(object.metadata.uid))
  const { effective = {}, hypervisor, restarts } = status
  const how = [effective.machine, effective.accel].filter((word) => word !== undefined)
  const links = status.interfaces ?? []
  const disks = status.disks ?? []
  const process = hypervisor && `${hypervisor.name} ${hypervisor.version ?? ''}`.trim()
  const rows: (readonly [string, string])[] = [
    ['Phase:', status.phase ?? 'Pending'],
    ['Run strategy:', spec.runStrategy ?? 'Always'],
    ['Size:', `${spec.vcpu} vcpu, ${spec.memory}`],
    ['Image:', spec.image.name],
    ['Hypervisor:', [process ?? spec.hypervisor ?? 'qemu', ...how].join(', ')],
    ...(hypervisor?.pid ? [['Process:', `pid ${hypervisor.pid}, since ${hypervisor.startedAt}`] as const] : []),
    ...links.map(({ name, tap, mac, addresses }) => {
      const [address] = addresses ?? []
      return [`Interface ${name}:`, [address?.address, `tap ${tap}`, mac].filter(Boolean).join(', ')] as const
    }),
    ...disks.map(({ name, state, volume }) => {
      const path = volume === undefined ? 'no volume yet' : `${paths.volumes}/${volume}/data.img`
      return [`Disk ${name}:`, state === undefined ? `ephemeral, ${path}` : `state ${state}, ${path}`] as const
    }),
    ['Restarts:', restarts?.last ? `${restarts.count}, last ${restarts.last.reason}` : String(restarts?.count ?? 0)],
    ...(status.credentials ? [['Credentials:', `revision ${status.credentials.revision}`] as const] : []),
    ['Console log:', runtime.console],
    ['Folder:', `${foldersOf(paths.run).byName}/${object.metadata.namespace}.${object.metadata.name}`],
  ]
  return rows.map((row) => [...row])
}

/** Any other kind as it is written, conditions apart. */
function bodyOf({ object }: About): readonly string[] {
  const { apiVersion: _, kind: _kind, metadata: _metadata, status, spec, ...content } = object
  const { conditions: _conditions, observedGeneration: _generation, ...rest } = status ?? {}
  const parts: readonly (readonly [string, object])[] = [
    ['Spec', (spec ?? {}) as object],
    ['Content', content],
    ['Status', rest],
  ]
  return parts.map(([title, part]) => {
    return section(title, Object.keys(part).length === 0 ? '' : stringify(part, { lineWidth: 0 }))
  })
}

function conditionsText({ object }: About, now: number): string {
  const rows = conditionsOf(object).map((one) => {
    return [one.type, one.status, one.reason, age(one.lastTransitionTime, now), one.message]
  })
  return rows.length === 0 ? '' : table([['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'], ...rows])
}

function eventsText(events: readonly Event[], now: number): string {
  const rows = events.map(({ type, reason, message, first, last, count }) => {
    const often = count > 1 ? ` (${count} times in ${shortDuration(now - first)})` : ''
    return [`${shortDuration(now - last)} ago`, type, reason, `${message}${often}`]
  })
  return rows.length === 0 ? '' : table([['WHEN', 'TYPE', 'REASON', 'MESSAGE'], ...rows])
}

function bullets(sentences: readonly string[]): string {
  return sentences.map((sentence) => `${sentence}\n`).join('')
}

function section(title: string, body: string): string {
  if (body === '') return ''
  return `${title}:\n${body.replaceAll(/^(?=.)/gm, '  ')}`
}

function ago(time: string, now: number): string {
  return `${time} (${age(time, now)} ago)`
}

function age(time: string, now: number): string {
  return shortDuration(now - Date.parse(time))
}
