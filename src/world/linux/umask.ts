/**
 * Does `work`, which must not wait, under a umask. Node gives no other way to set the umask of a child or the mode with
 * which a socket is born. Other threads see it too, for microseconds; nothing here relies on the umask elsewhere. Throws in a worker
 * thread, where Node forbids it.
 */
export function withUmask<T>(mask: number, work: () => T): T {
  const before = process.umask(mask)
  try {
    return work()
  } finally {
    process.umask(before)
  }
}
