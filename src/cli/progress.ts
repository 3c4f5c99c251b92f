import { duration } from '../core/duration.js';
import { drawLine, eraseLine, say, styleFor } from './terminal.js';

/** The progress of work. */
export interface ProgressState {
  /** The kind of work, in a word or two. */
  readonly label: string;
  /** Between 0 and 1; absent if the end is not known. */
  readonly fraction?: number | undefined;
  /** If it is known better than from the fraction. */
  readonly remainingSeconds?: number | undefined;
  /** Figures, as `12,300 words/s`. */
  readonly figures: readonly string[];
}

/** Shorter work needs no progress bar. */
const silentMilliseconds = 2_000;
const redrawMilliseconds = 100;
const lineMilliseconds = 10_000;
const longestBar = 24;
const shortestBar = 6;

/**
 * Progress on standard error: a bar that is drawn over itself on a terminal, otherwise a plain line every ten seconds.
 * Nothing is shown in the first two seconds.
 */
export class ProgressBar {
  readonly #started = performance.now();
  readonly #isTerminal: boolean;
  readonly #style = styleFor(process.stderr);
  readonly #enabled: boolean;
  #lastShown: number;
  #drawn = false;

  /** `enabled: false` shows nothing, for when the terminal shows results. */
  constructor(enabled = true) {
    this.#enabled = enabled;
    this.#isTerminal = process.stderr.isTTY === true;
    this.#lastShown = this.#started + silentMilliseconds - (this.#isTerminal ? redrawMilliseconds : 0);
  }

  update(state: ProgressState): void {
    const now = performance.now();
    const interval = this.#isTerminal ? redrawMilliseconds : lineMilliseconds - silentMilliseconds;
    if (!this.#enabled || now - this.#lastShown < interval) return;
    this.#lastShown = now;
    const left = timeLeft((now - this.#started) / 1000, state);
    if (this.#isTerminal) {
      this.#drawn = true;
      const before = `${state.label}  `;
      const after = [...(state.fraction === undefined ? [] : [percentage(state.fraction)]), ...state.figures, ...left].join('  ');
      // A line that is wrapped could not be drawn over.
      const room = (process.stderr.columns ?? 80) - 1;
      const barRoom = Math.min(longestBar, room - before.length - after.length - 1);
      const line =
        state.fraction === undefined || barRoom < shortestBar
          ? (before + after).slice(0, room)
          : `${before}${this.#bar(state.fraction, barRoom)} ${after}`;
      drawLine(line);
    } else {
      const percent = state.fraction === undefined ? [] : [percentage(state.fraction)];
      say([state.label, ...percent, ...state.figures, ...left].join(', '));
    }
  }

  /** A line that stays, above the bar. */
  line(text: string): void {
    this.#erase();
    say(text);
  }

  end(): void {
    this.#erase();
  }

  #erase(): void {
    if (this.#drawn) eraseLine();
    this.#drawn = false;
  }

  #bar(fraction: number, characters: number): string {
    const full = Math.round(Math.min(1, Math.max(0, fraction)) * characters);
    return `${this.#style('green', '━'.repeat(full))}${this.#style('dim', '─'.repeat(characters - full))}`;
  }
}

/** Progress of several pieces of work, identified by their labels; each has its own time. */
export class StagedProgress {
  #stage: { readonly label: string; readonly progress: ProgressBar } | undefined;

  readonly update = (state: Omit<ProgressState, 'figures'> & { readonly figures?: readonly string[] }): void => {
    if (this.#stage?.label !== state.label) {
      this.end();
      this.#stage = { label: state.label, progress: new ProgressBar() };
    }
    this.#stage?.progress.update({ figures: [], ...state });
  };

  /** A line that stays, above the bar. */
  line(text: string): void {
    if (this.#stage === undefined) say(text);
    else this.#stage.progress.line(text);
  }

  end(): void {
    this.#stage?.progress.end();
    this.#stage = undefined;
  }
}

function percentage(fraction: number): string {
  return `${Math.floor(100 * Math.min(1, fraction))} %`;
}

function timeLeft(elapsedSeconds: number, { fraction, remainingSeconds }: ProgressState): string[] {
  if (remainingSeconds !== undefined && Number.isFinite(remainingSeconds)) return [`${duration(remainingSeconds)} left`];
  if (fraction === undefined || fraction <= 0) return [];
  return [`${duration((elapsedSeconds * (1 - Math.min(1, fraction))) / fraction)} left`];
}

/** `12,300` */
export function figure(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
