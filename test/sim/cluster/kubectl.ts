import { kindOf } from '../../../src/api/kinds.ts'
import { type Applied, type Client, newClient } from '../../../src/kubernetes/client.ts'
import { ApiError } from '../../../src/kubernetes/error.ts'
import { type Resource, resourceOf, resources } from '../../../src/kubernetes/resource.ts'
import type { SimCluster } from './cluster.ts'
import type { Fields } from './objects.ts'

const never = new AbortController().signal

/** What a user types: one command after the other, each done before anything else happens. */
export class Kubectl {
  /** What the server called wrong: mistakes of the simulation. */
  readonly refusals: string[] = []
  readonly #cluster: SimCluster
  readonly #client: Client
  #last: Promise<unknown> = Promise.resolve()
  #commands = 0
  /** The newest command about an object that makes it what it should be. */
  readonly #newest = new Map<string, number>()

  constructor(cluster: SimCluster) {
    this.#cluster = cluster
    this.#client = newClient(cluster.server, cluster.clock)
  }

  /** Makes an object, or gives the one that is there this spec, these data and labels. */
  apply(object: Fields): void {
    const resource = resourceFor(String(object.kind))
    const { name, namespace, labels } = object.metadata as { name: string; namespace?: string; labels?: Fields }
    const where = { name, ...(namespace && { namespace }) }
    const { metadata: _metadata, ...members } = object
    this.#do(`apply ${object.kind} ${name}`, `${object.kind} ${name}`, async () => {
      const there = await this.#client.get(resource, where, never)
      if (there === null || there.metadata.deletionTimestamp !== undefined) {
        const { name: _name, ...collection } = where
        await this.#client.create(resource, collection, object as unknown as Applied, never)
        return
      }
      const { labels: _labels, ...metadata } = there.metadata
      const next = { ...there, ...members, metadata: { ...metadata, ...(labels && { labels }) } }
      await this.#client.replace(resource, where, next as never, never)
    })
  }

  /** A JSON merge patch. */
  patch(kind: string, namespace: string, name: string, patch: Fields): void {
    const where = { name, ...(namespace !== '' && { namespace }) }
    this.#do(`patch ${kind} ${name}`, `patch ${kind} ${name}`, () =>
      this.#client.merge(resourceFor(kind), where, patch, never),
    )
  }

  /** Takes the status of an object away. */
  wipe(kind: string, namespace: string, name: string): void {
    const where = { name, namespace, subresource: 'status' }
    this.#do(`wipe ${kind} ${name}`, `wipe ${kind} ${name}`, () =>
      this.#client.merge(resourceFor(kind), where, { status: null }, never),
    )
  }

  delete(kind: string, namespace: string, name: string): void {
    const where = { name, ...(namespace !== '' && { namespace }) }
    this.#do(`delete ${kind} ${name}`, `${kind} ${name}`, () =>
      this.#client.remove(resourceFor(kind), where, null, never),
    )
  }

  #do(what: string, object: string, run: () => Promise<unknown>): void {
    this.#cluster.note(`kubectl ${what}`)
    this.#commands += 1
    const command = this.#commands
    this.#newest.set(object, command)
    const once = async () => {
      try {
        await run()
      } catch (error) {
        this.#cluster.note(`kubectl ${what}: ${(error as Error).message}`)
        // What is being deleted cannot be made anew yet: a user tries it again.
        if (error instanceof ApiError && error.status === 409) this.#cluster.clock.after(1000, again)
        else if (!(error instanceof ApiError && error.status === 404)) this.refusals.push((error as Error).message)
      }
    }
    const queue = () => {
      this.#last = this.#last.then(once)
    }
    // What was typed later about the same object counts.
    const again = () => {
      if (this.#newest.get(object) === command) queue()
    }
    queue()
  }
}

function resourceFor(kind: string): Resource {
  const ours = kindOf(kind)
  if (ours !== undefined) return resourceOf(ours)
  return Object.values(resources).find((each) => each.kind === kind)!
}
