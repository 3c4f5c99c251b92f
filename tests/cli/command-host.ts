/**
 * The program behind `decade` in decade.ts: runs the command lines that its parent sends, one after the other, in this one
 * process, and answers each with what a process of its own would have printed and ended with.
 */
import { Readable } from 'node:stream';
import { runCommandLine } from '../../src/cli/command-line.js';
import type { Outcome } from './decade.js';

export interface CommandLine {
  readonly options: readonly string[];
  readonly directory: string;
  readonly input: string | Uint8Array;
}

type Write = typeof process.stdout.write;

async function outcomeOf({ options, directory, input }: CommandLine): Promise<Outcome> {
  process.chdir(directory);
  process.argv = [process.execPath, 'decade', ...options];
  Object.defineProperty(process, 'stdin', { value: Readable.from([Buffer.from(input)]), configurable: true });
  const printed = { stdout: '', stderr: '' };
  const writes = { stdout: process.stdout.write, stderr: process.stderr.write };
  for (const stream of ['stdout', 'stderr'] as const) {
    const write = (text: string, done?: (error?: Error) => void) => {
      printed[stream] += text;
      if (done !== undefined) setImmediate(done);
      return true;
    };
    process[stream].write = write as Write;
  }
  try {
    return { code: await runCommandLine(process.argv), ...printed };
  } finally {
    process.stdout.write = writes.stdout;
    process.stderr.write = writes.stderr;
  }
}

let last: Promise<unknown> = Promise.resolve();
process.on('message', (line: CommandLine) => {
  last = last.then(async () => process.send?.(await outcomeOf(line)));
});
