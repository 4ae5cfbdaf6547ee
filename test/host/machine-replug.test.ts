import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Link, Tap } from '../../src/host-state.ts'
import { answers, ip, never, newMachine, type Stage, said, see, stageEach, startedNow, until } from './guest.ts'

let stage: Stage
stageEach('makes and deletes links', (fresh) => {
  stage = fresh
  ip(
    'link add br-vmm address 02:00:00:00:09:01 type bridge',
    'addr add 10.9.0.1/24 dev br-vmm',
    'link set dev br-vmm up',
  )
  return () => {
    ip('link del dev br-vmm')
    ip('link del dev vm-plugged')
  }
})

/** The links as Net.dump gives them, as far as it matters here. */
function links(): Link[] {
  const found = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as {
    ifname: string
    ifindex: number
    flags: string[]
  }[]
  return found.map(({ ifname, ifindex, flags }) => ({
    ...{ name: ifname, index: ifindex, kind: 'tun', alias: '', group: 0, master: null, mac: '', mtu: 1500 },
    ...{ up: flags.includes('UP'), carrier: !flags.includes('NO-CARRIER'), user: null, addresses: [] },
  }))
}

test.each(['q35', 'microvm'] as const)('a %s gets its TAP back while it runs, and does not notice', async (type) => {
  // It sends all the time, also while its NIC hangs in the air, and must not be clogged by that.
  const script = `
    ip neigh replace 10.9.0.1 lladdr 02:00:00:00:09:01 dev eth0 nud permanent
    exec busybox ping -i 0.003 10.9.0.1 > /dev/null 2>&1`
  const host = stage.host({ script })
  const machine = newMachine('plugged', {
    qemu: { machine: type, accel: 'tcg' },
    cmdline:
      'console=ttyS0 quiet panic=-1 net.ifnames=0 systemd.firstboot=0 ip=10.9.0.2::10.9.0.1:255.255.255.0:plugged:eth0:off',
    nics: [{ name: 'eth0', tap: 'vm-plugged', mac: '02:00:00:00:09:02', mtu: null }],
  })
  const make = () =>
    ip(
      `tuntap add dev vm-plugged mode tap user ${machine.user}`,
      'link set dev vm-plugged master br-vmm',
      'link set dev vm-plugged up',
    )
  make()
  await host.start(machine, startedNow(stage.world), [], never)
  const answering = (seconds: number) =>
    until(
      'an answer',
      seconds,
      () => answers(stage, '10.9.0.2'),
      (yes) => yes,
    )
  await said(stage, machine, /login|up plugged/, 90)
  await answering(30)
  expect(await see(host, machine, links())).toMatchObject({ phase: 'Running', detachedNics: [] })

  const tap: Tap = {
    ...{ owner: machine.owner, name: 'vm-plugged', alias: '', bridge: 'br-vmm', user: machine.user, mtu: null },
    ...{ machine: machine.uid, nic: 'eth0' },
  }
  const took: number[] = []
  for (let round = 0; round < 12; round++) {
    ip('link del dev vm-plugged')
    expect((await see(host, machine, links()))!.detachedNics).toEqual([])
    make()
    expect((await see(host, machine, links()))!.detachedNics).toEqual([])
    const look = () => see(host, machine, links())
    await until('the NIC is seen to be detached', 2, look, (seen) => seen?.detachedNics.includes('eth0') === true)
    expect(await answers(stage, '10.9.0.2')).toBe(false)
    const began = performance.now()
    await host.replug(machine.uid, tap, never)
    took.push(performance.now() - began)
    expect((await look())!.detachedNics).toEqual([])
    await answering(10)
    await delay(50)
    expect((await look())!.detachedNics).toEqual([])
  }
  console.log(`${type}: replugged in ${took.map((one) => one.toFixed(1)).join(', ')} ms`)
})
