import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Call {
  readonly directory?: string;
  /** What is on standard input; nothing when absent. */
  readonly input?: string | Uint8Array;
  readonly environment?: { readonly [name: string]: string };
}

/** Starts the command as a process of its own. */
export function start(options: readonly string[], { directory, environment }: Call = {}): ChildProcess {
  return spawn(process.execPath, [main, ...options], {
    cwd: directory,
    env: { ...process.env, DECADE_GEMM: 'webassembly', ...environment },
    stdio: 'pipe',
  });
}

/** Runs the command to its end. */
export function decade(options: readonly string[], call: Call = {}): Promise<Outcome> {
  const child = start(options, call);
  // A command may end without having read its input.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(call.input ?? '');
  return ended(child);
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
