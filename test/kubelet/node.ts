import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../host/stage-until.ts'
import type { ControlPlane } from '../kubernetes/control-plane.mjs'
import { kubeconfigOf } from '../kubernetes/control-plane.mjs'

/** An emulated machine with systemd, containerd and kubelet: a node of a control plane. */
export interface Node {
  /** stdout and stderr of a shell script that root runs there. */
  shell(script: string): Promise<string>
  /** What its kernel and systemd wrote. */
  console(): string
  close(): Promise<void>
}

/** Paths: see test/setup/kubelet-disk.mjs. */
export interface NodeFiles {
  readonly disk: string
  readonly kernel: string
  readonly initrd: string
  /** The scheduler of its control plane. */
  readonly scheduler: string
}

export interface NodeOptions extends NodeFiles {
  readonly plane: ControlPlane
  /** Of its kubelet. */
  readonly token: string
}

const address = '10.254.0.2'

/** Of the address at which it takes scripts: see test/kubelet/node/etc/systemd/system/command.socket. */
const port = 2222

/**
 * Plain, but for what KVM inside it takes (svm, npt) and what programs of today look for: QEMU 7.2 emulates AVX so that
 * a guest's FPU state has a size that its kernel does not believe.
 */
const cpu = 'qemu64,+svm,+npt,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+aes,+pclmulqdq,+rdrand,+fsgsbase'

/** Boots one on the bridge of the control plane and joins it. Nothing that it writes is kept. */
export async function openNode({ plane, token, disk, kernel, initrd }: NodeOptions): Promise<Node> {
  const link = 'node-a'
  for (const argv of [
    ['tuntap', 'add', 'dev', link, 'mode', 'tap'],
    ['link', 'set', 'dev', link, 'master', 'kube0', 'up'],
  ]) {
    await promisify(execFile)('ip', argv)
  }
  const log = join(plane.folder, 'console.log')
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...['-nodefaults', '-display', 'none', '-M', 'q35', '-accel', 'tcg,thread=multi,tb-size=1024', '-cpu', cpu],
      ...['-smp', '2', '-m', '4096', '-kernel', kernel, '-initrd', initrd],
      ...['-append', 'root=LABEL=node rw console=ttyS0 quiet net.ifnames=0'],
      ...['-drive', `file=${disk},format=raw,if=virtio,snapshot=on,cache=unsafe`],
      ...['-netdev', `tap,id=net,ifname=${link},script=no,downscript=no`, '-device', 'virtio-net-pci,netdev=net'],
      ...['-device', 'virtio-rng-pci', '-serial', `file:${log}`],
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const node: Node = {
    shell,
    console: () => readFileSync(log, 'utf8'),
    close: () => end(machine),
  }
  try {
    await until(
      'the node takes scripts',
      180,
      () => shell('echo up'),
      (said) => said === 'up\n',
    )
    await node.shell(joining(plane, token))
    return node
  } catch (error) {
    await node.close()
    throw error
  }
}

/** Its kubeconfig, and KVM where the emulation has it; then it begins. */
function joining({ server, ca }: ControlPlane, token: string): string {
  const config = kubeconfigOf({ server, ca: '/etc/kubernetes/ca.crt', token })
  return `cat > /etc/kubernetes/ca.crt <<'END'
${readFileSync(ca, 'utf8').trim()}
END
cat > /etc/kubernetes/kubeconfig <<'END'
${config}
END
modprobe kvm_amd
systemctl start kubelet kube-proxy
`
}

function shell(script: string): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect({ host: address, port })
    let said = ''
    socket.setTimeout(60_000, () => socket.destroy(new Error(`the node did not answer within a minute: ${script}`)))
    socket.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    socket.once('error', fail).once('close', () => done(said))
    socket.end(`${script}\n`)
  })
}

async function end(machine: ChildProcess): Promise<void> {
  if (machine.exitCode !== null || machine.signalCode !== null) return
  const gone = once(machine, 'exit')
  machine.kill('SIGKILL')
  await gone
}
