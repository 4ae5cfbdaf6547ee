import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBare } from './bare.ts'
import { type Bench, Skipped } from './bench.ts'
import type { Sample } from './figure.ts'
import { restingKernel } from './guest.ts'
import { clearHost, vmm } from './root.ts'
import { captureFleet, startFleet, withController } from './scene.ts'
import { repetitions, type Stage } from './stage.ts'
import { attempt, tool, toolBeside } from './tool.ts'

/** libvirt 9 knows no microvm. */
const fleet = { count: 10, machine: 'q35' } as const

/** What libvirt writes to; a tmpfs in our mount namespace, so that nothing of the host's own is touched. */
const places = ['/etc/libvirt', '/run', '/var/lib/libvirt', '/var/log/libvirt', '/var/cache/libvirt'] as const

const note = `q35 on all three, ${fleet.count} VMs from their descriptions to the answer on QMP. libvirt: \`virsh create --paused\`, as many clients at a time as there are processors, its bridge made before, no rules, no filter, root, no cgroups`

/** The same beside libvirt, for who knows that. */
export const libvirt: Bench = {
  name: 'libvirt',
  what: 'the same start by libvirt, where it is installed',
  async run(stage) {
    const missing = ['libvirtd', 'virsh'].filter((name) => !isInstalled(name))
    if (missing.length > 0) {
      throw new Skipped(
        `${missing.join(' and ')} not installed here; on Debian: apt install libvirt-daemon-system libvirt-clients`,
      )
    }
    const bare = openBare(stage, await captureFleet(stage, fleet))
    const daemon = await openLibvirt(stage)
    const samples = { ours: [] as Sample[], libvirt: [] as Sample[] }
    try {
      // Its first VM makes it ask QEMU what it can.
      await createAll(stage)
      for (let round = 0; round < repetitions(stage, 5); round += 1) {
        stage.say(`libvirt: ${round + 1} of ${repetitions(stage, 5)}`)
        await sleep(1000)
        const { ms } = bare.start()
        await clearHost()
        samples.libvirt.push({ bare: ms, ours: await createAll(stage) })
        const ours = await withController(stage, '', (scene) => startFleet(scene, fleet))
        samples.ours.push({ bare: ms, ours: ours.ms })
      }
    } finally {
      daemon.kill('SIGKILL')
      bare.close()
    }
    return [
      { name: 'q35: 10 VMs answer, ours', unit: 'ms', samples: samples.ours, goal: null, note },
      { name: 'q35: 10 VMs answer, libvirt', unit: 'ms', samples: samples.libvirt, goal: null, note },
    ]
  },
}

function isInstalled(name: string): boolean {
  return ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/sbin', '/usr/local/bin'].some((folder) =>
    existsSync(join(folder, name)),
  )
}

async function openLibvirt({ folder }: Stage): Promise<ChildProcess> {
  for (const place of places) {
    mkdirSync(place, { recursive: true })
    tool('mount', '-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', place)
  }
  writeFileSync('/etc/libvirt/libvirtd.conf', 'auth_unix_rw = "none"\n')
  const settings = ['user = "root"', 'group = "root"', 'security_driver = "none"', 'cgroup_controllers = []']
  writeFileSync('/etc/libvirt/qemu.conf', [...settings, 'namespaces = []', 'stdio_handler = "file"', ''].join('\n'))
  writeFileSync(join(folder, 'rest'), restingKernel())
  const daemon = spawn('libvirtd', [], {
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  })
  for (const until = performance.now() + 30_000; !existsSync('/run/libvirt/libvirt-sock'); await sleep(50)) {
    if (performance.now() > until) throw new Error('libvirtd did not make its socket in 30 s')
  }
  return daemon
}

/** Milliseconds for all of them; leaves the host clear. */
async function createAll({ folder, flight }: Stage): Promise<number> {
  attempt('ip', 'link', 'add', 'name', 'mbl0', 'group', '7', 'type', 'bridge', 'mcast_snooping', '0')
  tool('ip', 'link', 'set', 'dev', 'mbl0', 'up')
  const files = Array.from({ length: fleet.count }, (_, index) => writeDomain(folder, index))
  const shares = Array.from({ length: flight }, (_, client) =>
    files.filter((_file, index) => index % flight === client),
  )
  const from = performance.now()
  await Promise.all(shares.map((share) => virsh(share.map((file) => `create --paused ${file}`))))
  const took = performance.now() - from
  await virsh(files.map((_, index) => `destroy rest-${index}`))
  await clearHost()
  return took
}

function virsh(commands: readonly string[]): Promise<string> {
  return toolBeside('virsh', '-q', '-c', 'qemu:///system', commands.join('; '))
}

function writeDomain(folder: string, index: number): string {
  const file = join(folder, `rest-${index}.xml`)
  writeFileSync(
    file,
    `<domain type='qemu'>
  <name>rest-${index}</name><memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>${join(folder, 'rest')}</kernel></os>
  <features><acpi/></features><cpu mode='maximum'/>
  <devices>
    <emulator>${tool('sh', '-c', `command -v ${vmm}`).trim()}</emulator>
    <interface type='bridge'><source bridge='mbl0'/><model type='virtio'/><rom enabled='no'/></interface>
    <serial type='pty'/><memballoon model='virtio'/><rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
    <controller type='usb' model='none'/>
  </devices>
</domain>
`,
  )
  return file
}
