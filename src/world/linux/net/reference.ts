import { halfOfTables } from '../../../host-state.ts'
import type { RootIdentity } from '../../../ledger.ts'
import type { NetHost } from './host.ts'
import { referenceDigest } from './nft.ts'

/** The digest that our tables have when nobody has changed them. */
export interface Reference {
  /** Measured once; null where that is not possible. */
  measure(signal: AbortSignal): Promise<string | null>
  /** The digest to go by, when `measured` is what there is and `chains` is what has just been listed. */
  choose(measured: string | null, chains: string | null): string
  /** Our text has just been loaded. */
  loaded(): void
}

/**
 * Measured by loading our text into an empty network namespace, so that no version's way of writing rules down matters.
 * Where none may be made, it is what is first listed after our text was loaded here, and until then equals nothing.
 */
export function reference(host: NetHost, root: RootIdentity): Reference {
  let measuring: Promise<string | null> | null = null
  let remembered: string | null = null
  let fresh = false
  const measure = async (signal: AbortSignal) => {
    try {
      return await referenceDigest(host.run, root, signal)
    } catch (error) {
      if (!signal.aborted) return null
      measuring = null
      throw error
    }
  }
  return {
    measure(signal) {
      measuring ??= measure(signal)
      return measuring
    },
    choose(measured, chains) {
      if (fresh && chains !== null && chains !== halfOfTables) remembered = chains
      fresh = false
      return measured ?? remembered ?? 'unknown'
    },
    loaded() {
      fresh = true
    },
  }
}
