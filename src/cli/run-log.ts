import { type Logger, pino } from 'pino'
import type { Context } from './context.ts'

export const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

export type Level = (typeof levels)[number]

/**
 * The log on stderr: for people where it is a terminal, else a line of JSON for each entry. Everything is written by this
 * process and at once: no worker, which a bundle of one file could not start, and nothing lost when we die.
 */
export async function openLog({ terminal }: Pick<Context, 'terminal'>, level: Level): Promise<Logger> {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  if (!terminal.error) return pino(options, { write: (line) => void process.stderr.write(line) })
  const { default: pretty } = await import('pino-pretty')
  const stream = pretty({
    colorize: true,
    translateTime: 'SYS:HH:MM:ss',
    destination: process.stderr,
    singleLine: true,
  })
  return pino(options, stream)
}
