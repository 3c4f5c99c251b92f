import * as z from 'zod';
import { SafetensorsFile } from '../../checkpoint/safetensors.js';
import { DecadeError } from '../../core/errors.js';
import { type Files, joinPath } from '../../core/files.js';
import { shortened } from '../../core/visible-text.js';
import type { Shape } from '../../tensor/tensor.js';
import type { ForeignTensors } from '../foreign-model.js';
import { readJson } from '../json-file.js';

const wholeFile = 'model.safetensors';
const indexFile = 'model.safetensors.index.json';
const mostShards = 1_000;

/** A name, never a path. */
const fileName = z.string().regex(/^\w[\w.-]*$/, 'expected the name of a file beside it');
const index = z.looseObject({ weight_map: z.record(z.string(), fileName) });

/** Files that only Python reads, and that run whatever they say. */
const isPickle = (name: string) => /\.(bin|pt|pth|ckpt|pkl)$/.test(name);

/** The tensors of a folder in Hugging Face's layout: one safetensors file, or several with an index. */
export class SafetensorsFolder implements ForeignTensors {
  readonly path: string;
  readonly shapes: ReadonlyMap<string, Shape>;
  readonly #files: readonly SafetensorsFile[];
  readonly #fileOf: ReadonlyMap<string, SafetensorsFile>;

  private constructor(path: string, files: readonly SafetensorsFile[], fileOf: ReadonlyMap<string, SafetensorsFile>) {
    this.path = path;
    this.#files = files;
    this.#fileOf = fileOf;
    this.shapes = new Map(Array.from(fileOf, ([name, file]) => [name, file.shapes.get(name) ?? []]));
  }

  /** @throws DecadeError `input` for a missing or damaged file, and for pickles, with what to do instead */
  static async open(files: Files, path: string): Promise<SafetensorsFolder> {
    const names = await shardNames(files, path);
    const opened: SafetensorsFile[] = [];
    const fileOf = new Map<string, SafetensorsFile>();
    try {
      for (const name of names) {
        const file = await SafetensorsFile.open(files, joinPath(path, name));
        opened.push(file);
        for (const tensor of file.shapes.keys()) {
          if (fileOf.has(tensor)) throw refused(path, `${shortened(tensor)} in two files`, 'every tensor once');
          fileOf.set(tensor, file);
        }
      }
      return new SafetensorsFolder(path, opened, fileOf);
    } catch (error) {
      for (const file of opened) await file.close();
      throw error;
    }
  }

  requireSame(): void {}

  async read(name: string, start: number, target: Float32Array): Promise<void> {
    const file = this.#fileOf.get(name);
    if (file === undefined) throw new Error(`no tensor ${name}`);
    if (!file.hasFloats(name)) {
      const type = file.tensors.get(name)?.dataType;
      throw refused(this.path, `${shortened(name)} of type ${type}`, 'F32, F16 or BF16');
    }
    await file.read(name, start, target);
  }

  async close(): Promise<void> {
    for (const file of this.#files) await file.close();
  }
}

async function shardNames(files: Files, path: string): Promise<string[]> {
  const names = await files.list(path);
  if (names.includes(wholeFile)) return [wholeFile];
  if (names.includes(indexFile)) {
    const { weight_map } = await readJson(files, joinPath(path, indexFile), index, 'the index of a checkpoint');
    const shards = [...new Set(Object.values(weight_map))].sort();
    if (shards.length > mostShards) throw refused(joinPath(path, indexFile), `${shards.length} files`, `at most ${mostShards}`);
    return shards;
  }
  const pickle = names.find(isPickle);
  if (pickle === undefined) throw refused(path, `a folder without ${wholeFile}`, 'a checkpoint in safetensors');
  throw new DecadeError('input', {
    where: joinPath(path, pickle),
    received: 'a pickle, which can run any program when it is read',
    allowed: wholeFile,
    next: 'take the model.safetensors of the same model, or convert it where you trust it: `model.save_pretrained(folder)` of transformers 4.35 or later writes one',
  });
}

function refused(where: string, received: string, allowed: string): DecadeError {
  return new DecadeError('input', { where, received, allowed, next: 'take all files of one model together' });
}
