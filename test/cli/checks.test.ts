import { describe, expect, test } from 'vitest'
import { checkKernel, checkProgram, checkRoot, checkTun, checkUser } from '../../src/cli/checks.ts'
import { makeDirectories, makeManifests } from '../../src/cli/run-directories.ts'
import { pathsOf } from '../../src/controller/paths.ts'
import { MemoryFiles } from '../world/memory-files.ts'

test.each([
  ['5.10.0-30-amd64', 'ok'],
  ['6.1.0', 'ok'],
  ['10.0', 'ok'],
  ['5.9.16', 'fail'],
  ['4.19.0-27', 'fail'],
])('kernel %s is %s', (version, state) => expect(checkKernel(version).state).toBe(state))

test('each failure says what to do', async () => {
  expect(checkUser(1000).says).toBe('uid 1000 may not make interfaces and VMs; run it with sudo')
  expect(checkKernel('4.19.0').says).toBe('kernel 4.19.0 is too old; use 5.10 or newer')
  expect(checkProgram('no-such-program', 'nothing', 'warn')).toEqual({
    name: 'no-such-program',
    state: 'warn',
    says: 'no-such-program is not installed; install it with: apt-get install nothing',
  })
})

test('/dev/net/tun has to be there, and open to those that VMs run as', async () => {
  const files = new MemoryFiles(() => 0)
  expect((await checkTun(files)).says).toContain('load it with: modprobe tun')
  files.folder('/dev/net')
  files.write('/dev/net/tun', '')
  await files.chmod('/dev/net/tun', 0o600)
  expect((await checkTun(files)).says).toContain('(mode 600); allow it with: chmod 666 /dev/net/tun')
  await files.chmod('/dev/net/tun', 0o666)
  expect((await checkTun(files)).state).toBe('ok')
})

describe('the root', () => {
  test('leaves room for sockets', async () => {
    const root = `/${'x'.repeat(60)}`
    const [check] = await checkRoot(new MemoryFiles(() => 0), pathsOf(root))
    expect(check).toMatchObject({
      state: 'fail',
      says: expect.stringContaining('has 61 bytes and sockets leave room for 60'),
    })
    expect((await checkRoot(new MemoryFiles(() => 0), pathsOf(`/${'x'.repeat(59)}`)))[0]?.state).toBe('ok')
  })

  test('is open to those that VMs run as, in every folder above it', async () => {
    const files = new MemoryFiles(() => 0)
    files.folder('/srv/closed/vms')
    await files.chmod('/srv/closed', 0o700)
    expect((await checkRoot(files, pathsOf('/srv/closed/vms')))[0]?.says).toBe(
      'VMs run as users of their own and may not pass /srv/closed (mode 700); allow it with: chmod o+x /srv/closed',
    )
    await files.chmod('/srv/closed', 0o711)
    expect((await checkRoot(files, pathsOf('/srv/closed/vms')))[0]?.state).toBe('ok')
    expect(await checkRoot(files, pathsOf('/'))).toEqual([])
  })
})

describe('the folders', () => {
  const modeOf = async (files: MemoryFiles, path: string) => ((await files.stat(path))?.mode ?? 0) & 0o7777

  test('have the modes of the table in the architecture, below an empty root', async () => {
    const files = new MemoryFiles(() => 0)
    files.folder('/srv')
    const paths = pathsOf('/srv')
    await makeDirectories(files, paths)
    const closed = [paths.index, paths.objects, paths.ledger, paths.secrets, paths.status]
    for (const path of closed) expect(await modeOf(files, path), path).toBe(0o700)
    for (const path of [paths.state, paths.volumes, paths.run, paths.vms])
      expect(await modeOf(files, path), path).toBe(0o711)
    expect(await modeOf(files, paths.images)).toBe(0o755)
  })

  test('that are not ours keep their modes; ours are set right again', async () => {
    const files = new MemoryFiles(() => 0)
    files.folder('/srv/var/lib/moorage/ledger')
    await files.chmod('/srv/var', 0o750)
    await files.chmod('/srv/var/lib/moorage/ledger', 0o777)
    await makeDirectories(files, pathsOf('/srv'))
    expect(await modeOf(files, '/srv/var')).toBe(0o750)
    expect(await modeOf(files, '/srv/var/lib/moorage/ledger')).toBe(0o700)
  })

  test('the folder of manifests is made when it is missing, and else not touched', async () => {
    const files = new MemoryFiles(() => 0)
    files.folder('/srv')
    await makeManifests(files, '/srv/etc/moorage/manifests')
    expect(await modeOf(files, '/srv/etc/moorage/manifests')).toBe(0o755)
    await files.chmod('/srv/etc/moorage/manifests', 0o700)
    await makeManifests(files, '/srv/etc/moorage/manifests')
    expect(await modeOf(files, '/srv/etc/moorage/manifests')).toBe(0o700)
  })
})
