/**
 * What a guest wrote, made harmless for a terminal: colours stay, whatever else could move the cursor, set the title or
 * fill the clipboard goes. A guest is not trusted, and an escape sequence is a program that the terminal runs.
 */
export function printable(text: string): string {
  return text.replaceAll(sequences, (found) => (/^\x1b\[[0-9;]*m$/.test(found) ? found : ''))
}

/** CSI and OSC-like sequences (ECMA-48), other escapes, and control characters but tab and line feed. */
const sequences =
  /\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b[ -/]*[0-~]?|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g
