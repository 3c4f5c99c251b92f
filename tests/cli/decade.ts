import { type ChildProcess, fork, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CommandLine } from './command-host.js';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const host = fileURLToPath(new URL('./command-host.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Call {
  readonly directory?: string;
  /** What is on standard input; nothing when absent. */
  readonly input?: string | Uint8Array;
}

export interface ProcessCall extends Call {
  readonly environment?: { readonly [name: string]: string };
}

const portable = { ...process.env, DECADE_GEMM: 'webassembly' };

/** Starts the command as a process of its own. */
export function start(options: readonly string[], { directory, environment }: ProcessCall = {}): ChildProcess {
  return spawn(process.execPath, [main, ...options], { cwd: directory, env: { ...portable, ...environment }, stdio: 'pipe' });
}

/** Runs the command to its end as a person does, in a process of its own. */
export function decadeProcess(options: readonly string[], call: ProcessCall = {}): Promise<Outcome> {
  const child = start(options, call);
  // A command may end without having read its input.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(call.input ?? '');
  return ended(child);
}

let commands: Commands | undefined;
after(() => commands?.end());

/**
 * Runs the command to its end, in one process with the others of a test file: for most of them, to start Node takes longer
 * than their work. What is particular to a process (signals, pipes, its exit) needs `decadeProcess`.
 */
export function decade(options: readonly string[], call: Call = {}): Promise<Outcome> {
  commands ??= new Commands();
  return commands.run(options, call);
}

/** A process that runs command lines one after the other; see command-host.ts. */
class Commands {
  readonly #process = fork(host, { env: portable, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], serialization: 'advanced' });
  readonly #waiting: { resolve(outcome: Outcome): void; reject(error: Error): void }[] = [];

  constructor() {
    this.#process.on('message', (outcome: Outcome) => this.#waiting.shift()?.resolve(outcome));
    ended(this.#process).then(({ code, stderr }) => {
      for (const { reject } of this.#waiting) reject(new Error(`the process of the commands ended with ${code}: ${stderr}`));
    });
  }

  run(options: readonly string[], { directory = process.cwd(), input = '' }: Call): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.send({ options, directory, input } satisfies CommandLine);
    });
  }

  end(): void {
    this.#process.kill();
  }
}

export function ended(child: ChildProcess): Promise<Outcome> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'decade-cli-'));
}

let tiny: Promise<string> | undefined;
after(async () => tiny && rmSync(dirname(await tiny), { recursive: true, force: true }));

/** Puts a run of `writeTinyConfiguration`, an epoch long, at a path: it is trained once for all files of a process. */
export async function copyTinyRun(path: string): Promise<void> {
  tiny ??= trainTiny();
  cpSync(await tiny, path, { recursive: true });
}

async function trainTiny(): Promise<string> {
  const directory = temporaryDirectory();
  const run = join(directory, 'run');
  const words = ['train', writeTinyConfiguration(directory), '--out', run, '--devices', '1', '--set', 'training.stop.epochs=1'];
  const { code, stderr } = await decade(words);
  if (code !== 0) throw new Error(stderr);
  return run;
}

/** A configuration that trains in a second. */
export function writeTinyConfiguration(directory: string): string {
  const corpus = 'generator: intl:en-fr, pairs: 160, heldOut: 8';
  const path = join(directory, 'tiny.yaml');
  writeFileSync(
    path,
    `version: 1
data: { source: en, target: fr, train: { ${corpus} }, dev: { ${corpus}, split: dev } }
tokenizer: { kind: bpe, size: 400 }
model: { kind: lstm, layers: 1, hidden: 32, attention: dot }
training:
  optimizer: { kind: adam, learningRate: 0.01 }
  batch: { sentences: 16 }
  stop: { epochs: 2 }
  validate: { every: { epochs: 1 }, metrics: [perplexity] }
`,
  );
  return path;
}
