import { describe } from 'vitest'
import { filesContract } from './contract/files.ts'
import { MemoryFiles } from './memory-files.ts'

describe('contract', () =>
  filesContract(async () => {
    const files = new MemoryFiles()
    files.folder('/root')
    return { files, root: '/root' }
  }))
