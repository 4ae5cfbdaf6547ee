import { type Command, Option } from 'commander'
import type { Context } from './context.ts'
import type { Page } from './page.ts'

export interface RunOptions {
  readonly config?: string
  readonly manifests?: string
  readonly kubernetes?: boolean
  readonly kubeconfig?: string
  readonly node?: string
  readonly once?: boolean
  readonly metrics?: string
  readonly logLevel?: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'
}

/** `moorage run`. */
export const run: Page<[], RunOptions> = {
  define(command: Command) {
    const levels = new Option('--log-level <level>', 'what is logged to stderr (default: info; with --once error)')
    const manifests = new Option(
      '--manifests <dir>',
      'watched directory (default: /etc/moorage/manifests below the root)',
    )
    manifests.conflicts('kubernetes')
    command
      .option('--config <file>', 'settings (default: /etc/moorage/config.yaml below the root)')
      .addOption(manifests)
      .option('--kubernetes', 'take what a cluster binds to this host, instead of a watched directory')
      .option('--kubeconfig <file>', 'how to reach the cluster (default: as kubectl or a pod finds it)')
      .option('--node <name>', 'name of this host in the cluster (default: its host name)')
      .option('--once', 'converge, print what was done and end: 0 when all is as wanted, 1 with what is left')
      .option('--metrics <host:port>', 'serve /metrics, /healthz and /readyz there')
      .addOption(levels.choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal']))
      .addHelpText('after', '\nOn SIGTERM and SIGINT it ends and the VMs run on; the next one finds them again.')
  },
  async run(context: Context, _args, options) {
    const { runController } = await import('./run-controller.ts')
    return runController(context, options)
  },
}
