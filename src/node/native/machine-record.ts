import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { cpus, homedir, tmpdir } from 'node:os';
import { isAbsolute } from 'node:path';
import * as z from 'zod';
import { joinPath } from '../../core/files.js';
import { nodeFiles } from '../files/files.js';
import { version } from '../version.js';
import type { Speed } from './calibration.js';

const speedSchema = z.object({ plainGflops: z.number(), packedGflops: z.number(), gflops: z.number() });
const contentsSchema = z.object({
  formatVersion: z.literal(2),
  /** What was measured, on what. */
  key: z.string(),
  /** When, as ISO 8601. */
  decided: z.iso.datetime(),
  /** The identity of what was chosen; absent where there was nothing to choose. */
  choice: z.string().optional(),
  /** By provider and packing: the speed, or why the self-check refused it. */
  results: z.record(z.string(), z.union([speedSchema, z.object({ refused: z.string() })])),
});
export type CalibrationResult = Speed | { refused: string };
/** What was measured and what was made of it. */
export type Decision = Omit<z.infer<typeof contentsSchema>, 'formatVersion' | 'key'>;

/**
 * What was decided on this machine, so that the same command computes with the same library, and gives the same bits, from then on: a
 * small file in the user's cache directory for one processor, one version of Node and of decade, and the very library files that were
 * compared. Never fails: a file that is missing, damaged or of other contents is none, and one that cannot be written is not kept.
 */
export class MachineRecord {
  readonly path: string;
  readonly #directory: string;
  readonly #key: string;

  private constructor(directory: string, key: string) {
    this.#directory = directory;
    this.#key = key;
    // A name for each key: whoever has several versions of Node, or one home on several machines, keeps a decision for each.
    this.path = joinPath(directory, `matrix-library-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.json`);
  }

  /**
   * @param name of the set of providers that are compared
   * @param measured paths of the library files, and other texts that name what is measured
   */
  static async open(name: string, measured: readonly string[], directory = defaultDirectory()): Promise<MachineRecord> {
    const identities = await Promise.all(measured.map(fileIdentity));
    const machine = [cpus()[0]?.model ?? '', process.arch, process.version, `decade ${version()}`];
    return new MachineRecord(directory, [name, ...machine, ...identities].join(' | '));
  }

  async read(): Promise<Decision | undefined> {
    try {
      const { key, decided, choice, results } = contentsSchema.parse(JSON.parse(await nodeFiles.readText(this.path)));
      return key === this.#key ? { decided, choice, results } : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether it is kept. */
  async write(decision: Decision): Promise<boolean> {
    const temporary = `${this.path}.${process.pid}`;
    try {
      await nodeFiles.makeDirectory(this.#directory);
      const writer = await nodeFiles.create(temporary);
      try {
        await writer.write(new TextEncoder().encode(`${JSON.stringify({ formatVersion: 2, key: this.#key, ...decision }, null, 2)}\n`));
      } finally {
        await writer.close();
      }
      await nodeFiles.rename(temporary, this.path);
      return true;
    } catch {
      await nodeFiles.remove(temporary).catch(() => {});
      return false;
    }
  }
}

/** As the XDG Base Directory Specification says, by which a relative path does not count. */
function defaultDirectory(): string {
  const { XDG_CACHE_HOME: cacheHome = '' } = process.env;
  if (isAbsolute(cacheHome)) return joinPath(cacheHome, 'decade');
  try {
    return joinPath(homedir(), '.cache/decade');
  } catch {
    // Who has no home may have one temporary directory or another.
    return joinPath(tmpdir(), `decade-${process.getuid?.() ?? ''}`);
  }
}

async function fileIdentity(path: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(path);
    return `${path} ${size} ${mtimeMs}`;
  } catch {
    return path;
  }
}
