import type { WriteStream } from 'node:tty';
import { inspect } from 'node:util';
import { visibleLines } from '../core/visible-text.js';

/*
 * All that the command line prints goes through here: names, keys, lines and translations come from files, and a control
 * character of theirs must not reach a terminal, where it could move the cursor, set the title or hide what stands there.
 * What is written to a file or a pipe as a result stays as it is.
 */

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
type Stream = NodeJS.WriteStream;

/**
 * Beginnings and ends of styles on their way to `written`: noncharacters, which Unicode keeps for use within a program
 * (The Unicode Standard, section 23.7). So a style is told from an escape sequence that came from a file.
 */
const styles: readonly Style[] = ['bold', 'dim', 'red', 'green', 'yellow', 'cyan'];
const firstMark = 0xfdd0;
const marks = /[\ufdd0-\ufddb]/g;

/** Styles text when `stream` is a terminal that has colours and NO_COLOR is not set; otherwise gives it back as it is. */
export function styleFor(stream: Stream): (style: Style, text: string) => string {
  const terminal: Partial<WriteStream> = stream;
  if (terminal.isTTY !== true || terminal.hasColors?.() !== true) return (_, text) => text;
  return (style, text) => {
    const mark = firstMark + 2 * styles.indexOf(style);
    return `${String.fromCharCode(mark)}${text}${String.fromCharCode(mark + 1)}`;
  };
}

/** Text for a terminal: control characters are seen and do nothing, and styles are what the terminal makes them by. */
export function forTerminal(text: string): string {
  return visibleLines(text).replace(marks, (mark) => {
    const index = mark.charCodeAt(0) - firstMark;
    const codes = inspect.colors[styles[index >> 1] ?? 'bold'] ?? [0, 0];
    return `\u001b[${codes[index % 2]}m`;
  });
}

/** A result as it is written to standard output: as it is, unless people look at it. */
export function asResult(text: string): string {
  return process.stdout.isTTY === true ? forTerminal(text) : text;
}

/** Lines on standard error. People read them, wherever it leads. */
export function say(text: string): void {
  process.stderr.write(`${forTerminal(text)}\n`);
}

/** Draws a line over itself; `eraseLine` takes it away. For terminals only. */
export function drawLine(text: string): void {
  process.stderr.write(`\r${forTerminal(text)}${eraseToEnd}`);
}

export function eraseLine(): void {
  process.stderr.write(`\r${eraseToEnd}`);
}

const eraseToEnd = '\u001b[K';
