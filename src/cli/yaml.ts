import { stringify } from 'yaml'

/** A value as YAML that `apply` and `validate` take again: what YAML 1.1 would read otherwise, as `yes`, is in quotes. */
export function asYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, compat: 'yaml-1.1' })
}
