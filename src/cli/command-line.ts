import { DecadeError } from '../core/errors.js';
import { exitCodes, reportFailure } from './failure.js';
import { forgetFilesRead } from '../node/files/files.js';
import { asTyped } from './option-names.js';
import { program } from './program.js';
import { isBesideRankZero, staysAway, turnToFail } from './ranks.js';

/** Runs a command line in the form of `process.argv` and returns the exit code; failures have been reported. */
export async function runCommandLine(words: readonly string[]): Promise<number> {
  forgetFilesRead();
  const named = words.slice(2).filter((word) => !word.startsWith('-'));
  const [command] = named;
  const root = await program(command);
  try {
    const isKnown = root.commands.some((each) => each.name() === command);
    const onlyTells = !isKnown || words.includes('--help') || words.includes('-h');
    if (staysAway(command ?? root.name(), onlyTells)) return exitCodes.done;
    await root.parseAsync(words.filter((word) => word !== '--debug'));
    return exitCodes.done;
  } catch (error) {
    await turnToFail();
    if (isBesideRankZero() && error instanceof DecadeError && error.kind === 'usage') return exitCodes.wrongUse;
    const outer = root.commands.find((each) => each.name() === command);
    const inner = outer?.commands.find((each) => each.name() === named[1]) ?? outer;
    return reportFailure(error instanceof DecadeError ? asTyped(error, inner) : error, words.includes('--debug'));
  }
}
