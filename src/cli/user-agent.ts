import packageJson from '../../package.json' with { type: 'json' }

/** How a part of Moorage presents itself to API servers; what stands before the slash, they take as its field manager. */
export function userAgent(part: 'moorage' | 'moorage-agent' | 'moorage-manager'): string {
  return `${part}/${packageJson.version}`
}
