import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { changeRecord, forgetRecord } from '../../src/controller/ledger.ts'
import type { ObjectRef, Volume } from '../../src/host-state.ts'
import { newRecord } from '../../src/ledger.ts'
import type { SourceView } from '../../src/source/source.ts'
import type { Files } from '../../src/world/files.ts'
import type { Device } from './power-device.ts'
import { type Facts, Tale } from './power-facts.ts'
import { factsOf, openParts, type Parts } from './power-view.ts'
import { type Fields, image, network, networked, secret, withState, yaml } from './stage-manifests.ts'

const { signal } = new AbortController()

/** What somebody does to a controller. */
type Act = (site: Site) => Promise<unknown>

interface Site {
  readonly parts: Parts
  write(name: string, ...objects: readonly Fields[]): void
  remove(name: string): void
  /** uid of an object that was told. */
  uidOf(key: string): string
  /** What is wanted was told last. */
  view: SourceView
}

/**
 * A life of a root as far as the disk hears of it: objects come, change and go, records are kept, volumes made and
 * deleted. Answers all that was told on the way.
 */
export async function live(device: Device, manifests: string, bend = (files: Files) => files): Promise<Tale> {
  mkdirSync(manifests, { recursive: true })
  const tale = new Tale()
  await device.record()
  const parts = await openParts(device.mount, manifests, bend)
  const site: Site = {
    parts,
    view: await parts.source.list(signal),
    write(name, ...objects) {
      writeFileSync(join(manifests, `.${name}`), yaml(...objects))
      renameSync(join(manifests, `.${name}`), join(manifests, name))
    },
    remove: (name) => rmSync(join(manifests, name)),
    uidOf(key) {
      return site.view.objects.find((one) => one.key === key)!.uid
    },
  }
  const tell = async (from: number, facts: Facts) => tale.tell(facts, from, (await device.log()).length)
  await tell(0, await factsOf(parts, site.view))
  for (const act of acts) {
    const from = (await device.log()).length
    await act(site)
    site.view = await parts.source.list(signal)
    await tell(from, await factsOf(parts, site.view))
  }
  return tale
}

const ref = (name: string): ObjectRef => ({ kind: 'MicroVM', namespace: 'default', name })
const vmKey = (name: string) => `MicroVM/default/${name}`
const guest = (name: string, more: Fields = {}) => networked(name, 'n1', null, { ...withState(name), ...more })

function volume({ view }: Site, name: string): Volume {
  const { uid, ref: owner } = view.objects.find(({ key }) => key === vmKey(name))!
  const what = { size: 8 << 20, fsType: 'ext4', label: 'state', ephemeral: false } as const
  return { owner, name: `${name}-01234567`, ownerUid: uid, ...what, holder: uid, intent: 'Keep', adopt: false }
}

/** A pass notes it for a VM of which the ledger knows nothing. */
const note =
  (name: string, user: number): Act =>
  ({ parts, uidOf }) =>
    parts.ledger.change((ledger) => {
      const record = newRecord(ref(name), user, 'Always', 'on')
      return { ...ledger, machines: { ...ledger.machines, [uidOf(vmKey(name))]: record } }
    })

const report: Act = ({ parts, view }) =>
  parts.statuses.save(new Map(view.objects.map(({ key }, index) => [key, { phase: `Phase${index}`, conditions: [] }])))

const acts: readonly Act[] = [
  async ({ write }) => write('base.yaml', image('small'), network('n1')),
  async ({ write }) => write('token.yaml', secret('token', { token: 'the-first-value' })),
  async ({ write }) => write('a.yaml', guest('a')),
  note('a', 7001),
  report,
  async (site) => site.parts.volumes.create(volume(site, 'a'), signal),
  async (site) => site.parts.volumes.attach(volume(site, 'a'), 7001, signal),
  async ({ parts, uidOf }) =>
    parts.ledger.change(
      changeRecord(uidOf(vmKey('a')), (record) => ({ ...record, restarts: { count: 1, last: null } })),
    ),
  async ({ parts }) => parts.ledger.change((ledger) => ({ ...ledger, forwardingPrior: false })),
  async ({ write }) => write('token.yaml', secret('token', { token: 'the-second-value' })),
  async ({ write }) => {
    write('a.yaml', guest('a', { memory: '96Mi' }))
    write('b.yaml', guest('b'), guest('c'))
  },
  // As a pass does that finds several newcomers.
  ({ parts, uidOf }) =>
    parts.ledger.change((ledger) => {
      const fresh = ['b', 'c'].map((name, index) => [
        uidOf(vmKey(name)),
        newRecord(ref(name), 7002 + index, 'Always', 'on'),
      ])
      return { ...ledger, machines: { ...ledger.machines, ...Object.fromEntries(fresh) } }
    }),
  report,
  ({ parts }) => parts.source.put([state('kept')] as never, signal),
  async (site) => site.parts.volumes.create(volume(site, 'b'), signal),
  async ({ remove, parts }) => {
    remove('b.yaml')
    await parts.source.list(signal)
    await sleep(30)
  },
  async (site) => site.parts.volumes.delete('b-01234567', site.uidOf(vmKey('b')), signal),
  async ({ parts, uidOf }) => parts.ledger.change(forgetRecord(uidOf(vmKey('b')))),
  async ({ parts, uidOf }) => parts.source.finish(vmKey('b'), uidOf(vmKey('b'))),
  async ({ write }) => write('b.yaml', guest('b')),
  report,
  ({ parts }) => parts.source.delete(['MicroVMState/default/kept'], signal),
]

function state(name: string): Fields {
  const metadata = { name, namespace: 'default' }
  const spec = { size: '8Mi', deletionPolicy: 'Retain' }
  return { apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVMState', metadata, spec }
}
