import { inspect } from 'node:util';
import type { WriteStream } from 'node:tty';

type Name = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Colours text when `stream` is a terminal that has colours and NO_COLOR is not set; otherwise gives it back as it is. */
export function styleFor(stream: NodeJS.WriteStream): (name: Name, text: string) => string {
  const terminal: Partial<WriteStream> = stream;
  if (terminal.isTTY !== true || terminal.hasColors?.() !== true) return (_, text) => text;
  return (name, text) => {
    const [open, close] = inspect.colors[name] ?? [0, 0];
    return `\u001b[${open}m${text}\u001b[${close}m`;
  };
}
