import { DecadeError } from './errors.js';
import { type Files, joinPath } from './files.js';

/** In a directory in which decade is writing, or was interrupted while writing. */
export const recordName = '.decade-unfinished';

const heading = '# What decade is making here. What is left of it when decade was ended is removed the next time.';

/**
 * A record in a directory of the files that decade is writing there. A name is added before the file exists and removed when it is
 * complete. So the leftovers of a killed process are recognised, and a file of the user is never mistaken for one, whatever its name.
 * Processes that share the directory share the record.
 */
export class UnfinishedWork {
  readonly #files: Files;
  readonly #directory: string;

  constructor(files: Files, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /** Recorded paths within the directory. None if decade did not write the file with the record's name. */
  async names(): Promise<string[]> {
    const lines = await this.#lines();
    if (lines[0] !== heading) return [];
    const noted = new Set<string>();
    for (const line of lines) {
      const name = line.slice(2);
      if (line.startsWith('+ ')) noted.add(name);
      else if (line.startsWith('- ')) noted.delete(name);
    }
    // A run may come from anywhere: no record reaches out of its directory.
    return [...noted].filter((name) => /^[^/\\:]+(\/[^/\\:]+)?$/.test(name) && !name.split('/').includes('..'));
  }

  /** Whether the file is a record, or the beginning of one whose writing was interrupted. */
  async isOwn(): Promise<boolean> {
    const [first] = await this.#lines();
    return first === undefined || first === heading;
  }

  /** Notes names before they are made. Throws `input` when the file of the record's name is somebody else's. */
  async begin(...names: readonly string[]): Promise<void> {
    if (!(await this.isOwn())) {
      throw new DecadeError('input', { where: this.#path, received: 'a file that was not written by decade', next: 'move it elsewhere' });
    }
    const isNew = (await this.#lines()).length === 0;
    if (isNew && (await this.#files.kind(this.#path)) === 'file') await this.#files.truncate(this.#path, 0);
    await this.#append([isNew ? heading : '', ...names.map((name) => `+ ${name}`)]);
  }

  /** Strikes names out: they are done, or gone. */
  async end(...names: readonly string[]): Promise<void> {
    if ((await this.#lines())[0] !== heading) return;
    const left = (await this.names()).filter((name) => !names.includes(name));
    if (left.length === 0) await this.#files.remove(this.#path);
    else await this.#append(['', ...names.map((name) => `- ${name}`)]);
  }

  get #path(): string {
    return joinPath(this.#directory, recordName);
  }

  async #lines(): Promise<string[]> {
    if ((await this.#files.kind(this.#path)) === 'missing') return [];
    const text = await this.#files.readText(this.#path);
    // A process that is killed may have written a part of the first line, and a power failure leaves room without contents.
    const isCutOff = heading.startsWith(text) || /^\0+$/.test(text);
    return isCutOff ? [] : text.split('\n');
  }

  async #append(lines: readonly string[]): Promise<void> {
    const writer = await this.#files.append(this.#path);
    try {
      await writer.write(new TextEncoder().encode(`${lines.join('\n')}\n`));
      await writer.sync();
    } finally {
      await writer.close();
    }
  }
}

/** A name beside `name` that nobody has. */
export function temporaryNameFor(name: string): string {
  return `${name}.${crypto.randomUUID().slice(0, 8)}${temporarySuffix}`;
}

/** Ending of what is being written; nothing under such a name is ever read. */
export const temporarySuffix = '.partial';
