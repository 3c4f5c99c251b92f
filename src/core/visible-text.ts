/**
 * Control characters, among them those that begin escape sequences of terminals, line and paragraph separators, and those
 * that turn the direction of what follows.
 */
const control = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const controlWithinLines = /(?!\r?\n|\t)[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Text on one line, in which every control character is seen as its escape (`\u001b`) and does nothing. */
export function visible(text: string): string {
  return text.replace(control, escaped);
}

/** As `visible`, for text of several lines: ends of lines and tabs stay. */
export function visibleLines(text: string): string {
  return text.replace(controlWithinLines, escaped);
}

/** A name or a value of somebody's file as a message shows it: visible, and at most `longest` characters of it. */
export function shortened(text: string, longest = 60): string {
  return visible(text.length > longest ? `${text.slice(0, longest)}…` : text);
}

const shortEscapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  return shortEscapes[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** A value as a message shows it: `'many'`, `[1, 2, 3]`, `{ steps: 5 }`; no more than about `longest` characters of it are looked at. */
export function shownValue(value: unknown, longest = 60): string {
  let room = longest;
  const shown = (of: unknown): string => {
    if (room <= 0) return '…';
    if (Array.isArray(of)) return list(of.keys(), (index) => shown(of[index]), '[', ']');
    if (typeof of === 'object' && of !== null && Object.getPrototypeOf(of) === Object.prototype) {
      const record = of as Record<string, unknown>;
      return list(Object.keys(record).values(), (key) => `${taken(shortened(key))}: ${shown(record[key])}`, '{ ', ' }');
    }
    return taken(scalar(of, room));
  };
  const taken = (text: string): string => {
    room -= text.length;
    return text;
  };
  const list = <Key>(keys: Iterator<Key>, item: (key: Key) => string, open: string, close: string): string => {
    const items: string[] = [];
    for (let next = keys.next(); !next.done; next = keys.next()) {
      room -= 2;
      items.push(room <= 0 ? '…' : item(next.value));
      if (room <= 0) break;
    }
    return items.length === 0 ? `${open}${close}`.replace(/ +/, '') : `${open}${items.join(', ')}${close}`;
  };
  return shown(value);
}

function scalar(value: unknown, room: number): string {
  switch (typeof value) {
    case 'undefined':
      return 'nothing';
    case 'string':
      return `'${shortened(value, room)}'`;
    case 'object':
      return value === null ? 'no value' : `a ${value.constructor?.name ?? 'object'}`;
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
