import type { RootIdentity } from '../../../ledger.ts'
import type { NetHost } from './host.ts'
import { referenceDigest } from './nft.ts'

/** The digest that our tables have when nobody has changed them. */
export interface Reference {
  /** `chains` is the digest of what is there now. */
  read(chains: string | null, signal: AbortSignal): Promise<string>
  /** Our text has just been loaded. */
  loaded(): void
}

/**
 * Measured once for this process, so that no version's way of writing rules down matters. Where no network namespace may
 * be made for that, it is what is first listed after our text was loaded, and until then nothing equals it.
 */
export function reference(host: NetHost, root: RootIdentity): Reference {
  let measured: Promise<string | null> | null = null
  let remembered: string | null = null
  let fresh = false
  const measure = async (signal: AbortSignal) => {
    try {
      return await referenceDigest(host.run, root, signal)
    } catch (error) {
      if (!signal.aborted) return null
      measured = null
      throw error
    }
  }
  return {
    async read(chains, signal) {
      measured ??= measure(signal)
      if (fresh && chains !== null) remembered = chains
      fresh = false
      return (await measured) ?? remembered ?? 'unknown'
    },
    loaded() {
      fresh = true
    },
  }
}
