import { spawn } from 'node:child_process';

export interface Program {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly environment?: NodeJS.ProcessEnv | undefined;
  readonly directory?: string | undefined;
  /** It is killed when it takes longer. */
  readonly seconds: number;
}

/** Why a contender has no figure. The others go on. */
export class NoResult extends Error {
  override readonly name = 'NoResult';
}

/**
 * Runs a program to its end and gives the JSON object that it printed: a line of its own, or all of its output.
 *
 * @throws NoResult when it fails, prints none, or takes too long
 */
export async function resultOf<Result>({ command, arguments: given, environment, directory, seconds }: Program): Promise<Result> {
  const child = spawn(command, given, {
    cwd: directory,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    end();
  }, seconds * 1000);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  try {
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    });
    if (late) throw new NoResult(`no result within ${seconds} s`);
    if (status !== 0) throw new NoResult(`failed: ${lastLine(errors) || `exit status ${status}`}`);
    return JSON.parse(output.slice(output.indexOf('{'))) as Result;
  } catch (error) {
    if (error instanceof NoResult) throw error;
    throw new NoResult(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
    process.off('exit', end);
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
