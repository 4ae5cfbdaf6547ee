import { countIn, memberOf } from '../../../src/api/loose.ts'
import type { ApiObject } from '../../../src/kubernetes/resource.ts'
import type { Change } from '../../kubernetes/memory-store.ts'
import { canary } from '../wanted.ts'
import type { Vmms } from './oracle-vmms.ts'
import { conditionOf, nodeOf, type Sight } from './sight.ts'

/** Milliseconds that a word of an agent may be old when the server takes it. */
const latest = 120_000

const encoded = Buffer.from(canary).toString('base64').slice(0, 16)

/** What may be true of each change at the server. */
export class Objects {
  readonly #sight: Sight
  readonly #vmms: Vmms

  constructor(sight: Sight, vmms: Vmms) {
    this.#sight = sight
    this.#vmms = vmms
    sight.cluster.store.onChange((change) => this.#look(change))
  }

  #look(change: Change): void {
    const { resource, after, stored } = change
    if (resource.kind === 'Lease') return
    if (resource.kind !== 'Secret' && after !== null) this.#secret(resource.kind, after)
    if (resource.kind !== 'MicroVM') return
    if (after === null) this.#gone(stored!)
    else {
      this.#generation(after)
      if (stored !== null && stored.metadata.uid === after.metadata.uid) this.#binding(stored, after)
      this.#ready(after)
    }
  }

  /** H: No value of a secret stands in any object but the Secret. */
  #secret(kind: string, object: ApiObject): void {
    const text = JSON.stringify(object)
    if (text.includes(canary) || text.includes(encoded))
      this.#sight.fail('H', `a value in ${kind} ${object.metadata.name}`)
  }

  /** G: An object whose VM runs somewhere does not vanish, unless somebody takes its finalizers away. */
  #gone({ metadata }: ApiObject): void {
    const there = this.#vmms.running.find(({ uid }) => uid === metadata.uid)
    if (there === undefined || this.#sight.operator.forced.has(metadata.name)) return
    this.#sight.fail('G', `${metadata.name} vanishes and runs on ${there.host.name}`)
  }

  /** E: bindingEpoch only grows; nodeName changes only with it, and only away from a fenced host on which it does not run. */
  #binding(before: ApiObject, after: ApiObject): void {
    const { fail, operator } = this.#sight
    const { name, uid } = after.metadata
    if (operator.wiped.has(name)) return
    const [was, is] = [nodeOf(before), nodeOf(after)]
    const epochs = [before, after].map(({ status }) => countIn(status, 'bindingEpoch') ?? 0) as [number, number]
    if (epochs[1] < epochs[0]) fail('E', `bindingEpoch of ${name} falls from ${epochs[0]} to ${epochs[1]}`)
    if (was === null || was === is) return
    if (epochs[1] === epochs[0]) fail('E', `${name} goes from ${was} to ${is} within epoch ${epochs[0]}`)
    if (!operator.fenced.has(was)) fail('E', `${name} is bound to ${is}, and ${was} is not fenced`)
    if (this.#vmms.age(uid, was) === 0) fail('E', `${name} is bound to ${is} and runs on ${was}`)
  }

  /** E: observedGeneration is of a generation that there was. */
  #generation({ metadata, status }: ApiObject): void {
    const observed = countIn(status, 'observedGeneration') ?? 0
    if (observed > (metadata.generation ?? 1))
      this.#sight.fail('E', `${metadata.name} observes generation ${observed} of ${metadata.generation}`)
  }

  /** E: Ready=True only while its VMM is on that host, and with the memory that its generation says. */
  #ready(after: ApiObject): void {
    const ready = conditionOf(after, 'Ready')
    const node = nodeOf(after)
    const { name, uid, generation } = after.metadata
    if (ready?.status !== 'True' || node === null || memberOf(after.spec, 'runStrategy') === 'Halted') return
    // What an earlier generation was ready for may be another thing: to stay halted.
    if (countIn(after.status, 'observedGeneration') !== generation || ready.observedGeneration !== generation) return
    if (this.#vmms.age(uid, node) > latest) this.#sight.fail('E', `${name} is Ready on ${node}, where no VMM of it is`)
    if (conditionOf(after, 'RestartRequired')) return
    const there = this.#vmms.running.find((one) => one.uid === uid && one.host.name === node)
    const memory = String(memberOf(after.spec, 'memory')).replace('Mi', '')
    const argv = there?.vmm.spec.argv.join(' ') ?? ''
    if (there !== undefined && !argv.includes(`-m size=${Number(memory) * 1024}K`))
      this.#sight.fail('E', `${name} is Ready with generation ${generation} and has not ${memory} MiB`)
  }
}
