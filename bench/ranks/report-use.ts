/** Loaded before a program (`node --import`): when it ends, writes what it used into the folder DECADE_USE, a file for each rank. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a process used. */
export interface ProcessUse {
  readonly peakMiB: number;
}

const { DECADE_USE: folder, OMPI_COMM_WORLD_RANK, PMI_RANK } = process.env;
if (folder !== undefined) {
  process.on('exit', () => {
    const { maxRSS } = process.resourceUsage();
    const use: ProcessUse = { peakMiB: maxRSS / 1024 };
    writeFileSync(join(folder, `rank-${OMPI_COMM_WORLD_RANK ?? PMI_RANK ?? 0}.json`), JSON.stringify(use));
  });
}
