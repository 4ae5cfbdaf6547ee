import type { SourceProblem } from './source.ts'

/** A problem as one line: `file:line:column: message`, as far as it has a place. What comes from a cluster has none. */
export function problemText({ file, line, column, message }: Omit<SourceProblem, 'key'>): string {
  if (file === '') return message
  return line === 0 ? `${file}: ${message}` : `${file}:${line}:${column}: ${message}`
}
