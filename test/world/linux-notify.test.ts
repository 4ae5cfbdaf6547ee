import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { linuxNotify } from '../../src/world/linux/notify.ts'
import { findProgram } from '../../src/world/linux/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'moorage-notify-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A service manager: prints the first thing that it is told; the second is a barrier, which its end lifts. */
const manager = `use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die; bind(S, pack_sockaddr_un($ARGV[0])) or die;
print "ready\\n"; recv(S, $word, 4096, 0); print $word; recv(S, $word, 4096, 0);`

const installed = (() => {
  try {
    return findProgram('systemd-notify') !== ''
  } catch {
    return false
  }
})()

test.skipIf(!installed)('what is told arrives, byte for byte', async () => {
  const socket = join(folder, 'notify')
  const child = spawn('perl', ['-e', manager, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const closed = once(child, 'close')
  await once(child.stdout, 'data')
  await linuxNotify({ NOTIFY_SOCKET: socket })!.tell('READY=1', 'STATUS=The controller runs')
  await closed
  expect(said).toBe('ready\nREADY=1\nSTATUS=The controller runs')
})

test.skipIf(!installed)('nobody at the other end is told in a sentence', async () => {
  await expect(linuxNotify({ NOTIFY_SOCKET: join(folder, 'none') })!.tell('READY=1')).rejects.toThrow(
    /systemd-notify READY=1: /,
  )
})
