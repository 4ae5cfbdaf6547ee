import { type Command, Option } from 'commander'
import type { Context } from './context.ts'
import type { Page } from './page.ts'
import type { Level } from './run-log.ts'

export interface ManageOptions {
  readonly kubeconfig?: string
  readonly namespace: string
  readonly logLevel: Level
  readonly metrics?: string
}

/** `moorage manage`. */
export const manage: Page<[], ManageOptions> = {
  define(command: Command) {
    const levels = new Option('--log-level <level>', 'what is logged to stderr').default('info')
    command
      .option('--kubeconfig <file>', 'how to reach the cluster (default: as kubectl or a pod finds it)')
      .option('--namespace <name>', 'namespace of the Lease by which one manager of several leads', 'moorage-system')
      .option('--metrics <host:port>', 'serve /metrics, /healthz and /readyz there')
      .addOption(levels.choices(['trace', 'debug', 'info', 'warn', 'error', 'fatal']))
      .addHelpText('after', '\nIt binds VMs to hosts and runs none itself. VMs run on without it.')
  },
  async run(context: Context, _args, options) {
    const { runManager } = await import('./run-manager.ts')
    return runManager(context, options)
  },
}
