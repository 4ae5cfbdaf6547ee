import type { SourceProblem } from '../source/source.ts'
import type { Event } from './events.ts'

/*
 * What goes over moorage.sock. Bodies are JSON; what went wrong is one sentence of plain text under a status of 400 and
 * more. Everybody who may open the socket is root, so nothing here asks who somebody is; a Secret's values do not go out
 * even so (law 11).
 */

/** An object as Kubernetes shapes it, with its status. */
export interface ShownObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string | undefined
    readonly uid: string
    readonly generation: number
    /** RFC 3339. */
    readonly creationTimestamp: string
    readonly deletionTimestamp?: string | null | undefined
    readonly [field: string]: unknown
  }
  readonly status?: Readonly<Record<string, unknown>> | undefined
  readonly [field: string]: unknown
}

/** Which objects are asked for; an absent member means any. */
export interface ObjectQuery {
  readonly kind?: string | undefined
  readonly namespace?: string | undefined
  readonly name?: string | undefined
}

/** `GET /v1/objects?kind=&namespace=&name=`. */
export interface ObjectList {
  readonly apiVersion: 'v1'
  readonly kind: 'List'
  readonly items: readonly ShownObject[]
}

/** A line of `GET /v1/watch`. After what is there already, each ADDED, comes one BOOKMARK. */
export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: ShownObject }
  | { readonly type: 'BOOKMARK' }

/** `GET /v1/events?key=`. */
export interface EventList {
  readonly events: readonly Event[]
}

/** `GET /v1/about?key=`: one object with everything the controller can say of it. */
export interface About extends EventList {
  readonly object: ShownObject
  /** `FILE:LINE` of its manifest; null for a machine-made object. */
  readonly origin: string | null
  /** What is wrong with a newer version of it, or why its deletion is held. */
  readonly newer: readonly SourceProblem[]
  /** Actions under way or due for it, each in words. */
  readonly actions: readonly string[]
  /** What is refused, waited for or failing, each in a sentence. */
  readonly refusals: readonly string[]
  readonly waits: readonly string[]
  readonly failures: readonly string[]
}

/** `GET /v1/problems`: what is wrong with the manifests. */
export interface Problems {
  readonly problems: readonly SourceProblem[]
  /** Why absent objects are not taken as deleted; null when deletions count. */
  readonly hold: string | null
}

/** `POST /v1/apply` with `{ objects }`: all of them, or none and a sentence. */
export interface Applied {
  readonly results: readonly { readonly key: string; readonly result: 'created' | 'configured' | 'unchanged' }[]
}

/** `POST /v1/delete` with `{ keys }`: which were not, each with a sentence. */
export interface Deleted {
  readonly refusals: readonly { readonly key: string; readonly message: string }[]
}
