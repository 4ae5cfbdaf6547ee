/** Ends a watch, a timer, a server. Safe to call twice. */
export type Stop = () => void

/**
 * Hints that something moved. They carry no facts: whoever is woken looks for himself. A watch that breaks wakes once
 * and mends itself. Each is live before the call resolves.
 */
export interface Watch {
  /** Anything in the directory or below it. */
  directory(path: string, wake: () => void): Promise<Stop>
  /** One file that may not exist yet, by its directory. */
  file(path: string, wake: () => void): Promise<Stop>
  /** Links, addresses and forwarding of this network namespace. */
  links(wake: () => void): Promise<Stop>
  /** nftables of this network namespace. */
  rules(wake: () => void): Promise<Stop>
}
