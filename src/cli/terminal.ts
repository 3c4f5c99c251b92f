import type { WriteStream } from 'node:tty';
import { inspect } from 'node:util';
import { visibleLines } from '../core/visible-text.js';

/*
 * All output of the command line goes through here: names, keys, lines and translations come from files, and their control
 * characters must not reach a terminal, where they could move the cursor, set the title or hide text. Results written to a file or
 * a pipe are unchanged.
 */

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
type Stream = NodeJS.WriteStream;

/**
 * Beginnings and ends of styles before `written` replaces them: noncharacters, which Unicode reserves for internal use (The Unicode
 * Standard, section 23.7). This distinguishes styles from escape sequences that came from a file.
 */
const styles: readonly Style[] = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'];
const firstMark = 0xfdd0;
const marks = /[\ufdd0-\ufddb]/g;

/** Styles text if `stream` is a terminal with colours and NO_COLOR is not set; otherwise returns it unchanged. */
export function styleFor(stream: Stream): (style: Style, text: string) => string {
  const terminal: Partial<WriteStream> = stream;
  if (terminal.isTTY !== true || terminal.hasColors?.() !== true) return (_, text) => text;
  return (style, text) => {
    const mark = firstMark + 2 * styles.indexOf(style);
    return `${String.fromCharCode(mark)}${text}${String.fromCharCode(mark + 1)}`;
  };
}

/** Text for a terminal: control characters are made visible, and styles become escape sequences. */
export function forTerminal(text: string): string {
  return visibleLines(text).replace(marks, (mark) => {
    const index = mark.charCodeAt(0) - firstMark;
    const codes = inspect.colors[styles[index >> 1] ?? 'bold'] ?? [0, 0];
    return `\u001b[${codes[index % 2]}m`;
  });
}

/** A result for standard output: unchanged, unless standard output is a terminal. */
export function asResult(text: string): string {
  return process.stdout.isTTY === true ? forTerminal(text) : text;
}

/** Lines on standard error, which people read wherever it leads. */
export function say(text: string): void {
  process.stderr.write(`${forTerminal(text)}\n`);
}

/** Resolves when all that was said has left the process: a pipe takes its time. */
export function everythingSaid(): Promise<void> {
  return new Promise((resolve) => {
    process.stderr.write('', () => resolve());
  });
}

/** Draws a line over itself; `eraseLine` takes it away. For terminals only. */
export function drawLine(text: string): void {
  process.stderr.write(`\r${forTerminal(text)}${eraseToEnd}`);
}

export function eraseLine(): void {
  process.stderr.write(`\r${eraseToEnd}`);
}

const eraseToEnd = '\u001b[K';
