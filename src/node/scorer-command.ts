import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DecadeError } from '../core/errors.js';
import type { CandidateScorer } from '../decoding/selection/scorer.js';

export interface ScorerCommandOptions {
  /** Lines that it is given: `{"source": ..., "candidate": ...}`, or both with a tab between them. */
  readonly format: 'json' | 'tsv';
  /** Longest wait for the scores of one source. */
  readonly seconds: number;
}

/** Whether a process and those that it starts can be signalled together. */
const hasGroups = process.platform !== 'win32';

/** What a line says: a number, or -inf, as Python and C write it, of a candidate that must not be chosen. NaN for anything else. */
function scoreIn(line: string): number {
  const text = line.trim();
  if (/^-inf(inity)?$/i.test(text)) return Number.NEGATIVE_INFINITY;
  return text === '' ? Number.NaN : Number(text);
}

/** Characters of standard error that a message shows. */
const tail = 500;

/**
 * A program that scores: it reads a line for each candidate from its standard input and writes a line with a number for each, in their
 * order. It is started once, by the shell, when it is first needed, and goes on until `dispose` closes its input.
 */
export class ScorerCommand {
  readonly #command: string;
  readonly #options: ScorerCommandOptions;
  #process: ChildProcessWithoutNullStreams | undefined;
  readonly #lines: string[] = [];
  #errors = '';
  /** How it ended: by itself, by a signal, or not having been there. */
  #ended: string | undefined;
  #wake: () => void = () => {};

  constructor(command: string, options: ScorerCommandOptions) {
    this.#command = command;
    this.#options = options;
  }

  /** @throws DecadeError `input` when it ends early, does not answer in time, or answers what is no number; it is ended then */
  readonly score: CandidateScorer = async (source, candidates, { signal }) => {
    this.#start();
    const lines = candidates.map((candidate) => `${this.#line(source, candidate)}\n`);
    const until = performance.now() + 1000 * this.#options.seconds;
    const abort = () => this.#wake();
    signal?.addEventListener('abort', abort);
    try {
      this.#requireNoMore();
      this.#process?.stdin.write(lines.join(''));
      const scores: number[] = [];
      while (scores.length < candidates.length) {
        signal?.throwIfAborted();
        const line = this.#lines.shift();
        if (line === undefined) {
          if (this.#ended !== undefined) throw this.#fault(`${this.#ended} after ${scores.length} of ${candidates.length} scores`);
          const left = until - performance.now();
          if (left <= 0) {
            const received = `${scores.length} of ${candidates.length} scores after ${this.#options.seconds} s`;
            throw this.#fault(received, 'let the program write each line at once (flush), or allow more time with --scorer-timeout');
          }
          await this.#change(left);
          continue;
        }
        const value = scoreIn(line);
        if (Number.isNaN(value)) throw this.#fault(`the line ${JSON.stringify(line.slice(0, 80))}`);
        scores.push(value);
      }
      this.#requireNoMore();
      return scores;
    } catch (error) {
      this.#kill();
      throw error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  };

  /** Closes its input, and ends it if it goes on all the same. */
  async dispose(): Promise<void> {
    const started = this.#process;
    if (started === undefined || this.#ended !== undefined) return;
    started.stdin.end();
    await this.#change(1_000);
    if (this.#ended === undefined) this.#kill();
  }

  #line(source: string, candidate: string): string {
    if (this.#options.format === 'json') return JSON.stringify({ source, candidate });
    return [source, candidate].map((text) => text.replace(/[\t\r\n]+/g, ' ')).join('\t');
  }

  #start(): void {
    if (this.#process !== undefined) return;
    const started = spawn(this.#command, { shell: true, stdio: 'pipe', detached: hasGroups });
    this.#process = started;
    const end = (how: string) => {
      this.#ended ??= how;
      this.#wake();
    };
    started.on('error', ({ message }) => end(message));
    started.on('close', (code, killedBy) => end(killedBy === null ? `it ended with exit code ${code}` : `it was ended by ${killedBy}`));
    // It may end before it has read everything, which its end tells.
    started.stdin.on('error', () => {});
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-tail);
    });
    createInterface({ input: started.stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#wake();
    });
  }

  /** Ends the shell, and what it has started. */
  #kill(): void {
    const pid = this.#process?.pid;
    if (pid === undefined || this.#ended !== undefined) return;
    try {
      process.kill(hasGroups ? -pid : pid);
    } catch {
      // It has just ended by itself.
    }
  }

  /** Waits until a line has come, it has ended, or so many milliseconds have passed. */
  #change(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** A line too many would be taken for the next candidate's score, and so on to the end. */
  #requireNoMore(): void {
    const [more] = this.#lines;
    if (more !== undefined) throw this.#fault(`more lines than it was given, the first ${JSON.stringify(more.slice(0, 80))}`);
  }

  #fault(received: string, next?: string): DecadeError {
    const said = this.#errors.trim();
    return new DecadeError('input', {
      where: `--scorer ${this.#command}`,
      received: said === '' ? received : `${received}; it said: ${said}`,
      allowed: 'a number on a line of its own for each line that it reads',
      ...(next !== undefined && { next }),
    });
  }
}
