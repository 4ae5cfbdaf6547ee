import { powerPage } from './power.ts'

/** `moorage restart NAME`. */
export const restart = powerPage('Restart')
