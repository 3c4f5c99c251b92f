import { exitCodes, reportFailure } from './failure.js';
import { forgetFilesRead } from '../platform/node/files.js';
import { program } from './program.js';

/** Runs a command line, with what `process.argv` has before it, to its end and gives the exit code; whatever failed was told. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  forgetFilesRead();
  try {
    await program().parseAsync(words.filter((word) => word !== '--debug'));
    return exitCodes.done;
  } catch (error) {
    return reportFailure(error, words.includes('--debug'));
  }
}
