/** What a VMM needs of TAPs; the simulated kernel has them. */
export interface Taps {
  /**
   * Opens a persistent TAP as a user, as TUNSETIFF does: its carrier comes up. Returns what closes it again. Throws in the
   * kernel's words: there is none of that name and nobody but root may make one, it is another user's, it is busy.
   * `lost` is called once when the link is deleted while it is open.
   */
  open(name: string, user: number, lost: () => void): () => void
}
