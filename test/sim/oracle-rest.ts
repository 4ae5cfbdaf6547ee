import { canonical } from '../../src/digest.ts'
import { paths } from './host.ts'
import { type History, networksOf, type Sight } from './oracle-history.ts'
import type { Lives } from './oracle-lives.ts'
import { secretValue } from './wanted.ts'

/** At rest: nothing is left of what is gone, and nothing runs that was started before it was last changed. */
export function judgeRest(sight: Sight, history: History, lives: Lives): void {
  judgeLeavings(sight)
  judgeSecrets(sight)
  const { host, tally, fail } = sight
  const removed = tally.has('runtime folder removed') || tally.has('runtime folders removed')
  for (const { name, spec } of host.process.vmms()) {
    if (!removed && !host.has(`${spec.directory}/life.sock`)) fail('I11', `${name} runs without its folder`)
  }
  for (const one of lives.living) {
    if (!sight.host.has(`${one.vmm.spec.directory}/life.sock`)) continue
    judgeAge(sight, history, one.name, one.at)
    judgeShape(sight, one.name)
  }
}

function judgeLeavings({ host, tally, fail }: Sight): void {
  const objects = host.controller?.last?.source.objects ?? []
  const kinds = objects.filter(({ object }) => object.kind === 'MicroVM')
  const ids = new Set(kinds.map(({ uid }) => uid.replaceAll('-', '').slice(0, 10)))
  const vmms = host.process.vmms()
  const namesIn = (folder: string) =>
    host.files.everything(folder).flatMap(({ path }) => {
      const name = path.slice(folder.length + 1)
      return name.includes('/') ? [] : [name]
    })
  const keys = new Set(
    objects.filter(({ object }) => object.kind !== 'Secret').map(({ key }) => `${key.replaceAll('/', ',')}.json`),
  )
  for (const name of namesIn(paths.status)) {
    if (!name.endsWith('.new') && !keys.has(name)) fail('I11', `status ${name} is of nobody`)
  }
  if (tally.has('index removed') || tally.has('ledger removed') || tally.has('ledger torn')) return
  for (const name of namesIn(`${paths.ledger}/machines`)) {
    const uid = name.slice(0, -'.json'.length)
    if (name.endsWith('.json') && !kinds.some((one) => one.uid === uid)) fail('I11', `record ${name} is of nobody`)
  }
  for (const [uid, record] of Object.entries(host.controller?.ledger.current.machines ?? {})) {
    const { version: _, ...kept } = JSON.parse(host.files.text(`${paths.ledger}/machines/${uid}.json`) ?? '{}')
    if (canonical(kept) !== canonical(record)) fail('ledger', `the record of ${uid} is another on the disk`)
  }
  for (const name of namesIn(`${paths.run}/ended`)) {
    if (!name.endsWith('.new') && !ids.has(name.slice(0, 10))) fail('I11', `console ${name} is of nobody`)
  }
  if (tally.has('runtime folder removed') || tally.has('runtime folders removed')) return
  for (const name of namesIn(`${paths.run}/by-name`)) {
    if (!vmms.some((vmm) => vmm.name === name)) fail('I11', `by-name/${name} leads nowhere`)
  }
  for (const name of namesIn(paths.vms)) {
    if (!vmms.some(({ spec }) => spec.directory.endsWith(`/${name}`)))
      fail('I11', `runtime folder ${name} is of no VMM`)
  }
}

/** One version of the one Secret, the newest. */
function judgeSecrets({ host, site, fail }: Sight): void {
  const stored = host.files.everything(`${paths.secrets}/accepted`).filter(({ type }) => type === 'file')
  const [first] = stored
  if (stored.length !== 1) fail('I10', `${stored.length} versions of one Secret are kept`)
  else if (!first!.text.includes(`${secretValue('token', site.wanted.secret)}"`))
    fail('I13', 'the accepted Secret is not the newest')
}

/** Milliseconds by which a controller may know of a change before its VMM is seen. */
const margin = 10_000

/** What it is made of now was not wanted yet when it was started. */
function judgeAge({ fail, tally }: Sight, history: History, name: string, at: number): void {
  const all = history.all(name)
  const now = all.at(-1)
  if (!now || now.makes === 'none' || now.vm?.strategy === 'Halted') return
  // With the key of the digests a change that came at the same time is lost.
  const word = tally.has('ledger removed') ? 'keyless' : 'makes'
  if (history.during(name, at - margin, at).some((one) => one[word] === now[word])) return
  fail('I13', `${name} was started before it was last changed, and runs on`)
}

/** What it was started with. */
function judgeShape(sight: Sight, name: string): void {
  const { host, site, fail } = sight
  const vm = site.wanted.vms[name]
  const plan = host.process.vmm(`default.${name}`)?.plan
  if (!vm || !plan || vm.strategy === 'Halted' || !(vm.network in networksOf(sight))) return
  if (plan.machine !== vm.machine) fail('I13', `${name} is a ${plan.machine}`)
  if (plan.disks.length !== (vm.state ? 1 : 0)) fail('I13', `${name} has ${plan.disks.length} disks`)
  if (plan.credentials.length !== (vm.credential === null ? 0 : 1))
    fail('I13', `${name} has ${plan.credentials.length} credentials`)
}
