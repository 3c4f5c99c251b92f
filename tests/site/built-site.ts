import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { memoryFiles } from '../../src/core/memory-files.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/parallel/train.js';
import { configurationOf } from '../../src/training/configuration.js';
import { repository } from '../house/sources.js';
import { gemm, packed } from '../packed/packed-run.js';
import { digitPairs, tinyConfiguration } from '../training/tiny-run.js';

/** site/build.mjs */
interface Builder {
  buildSite(out: string, models?: readonly string[]): Promise<void>;
  addServiceWorker(out: string): Promise<void>;
}

const { buildSite, addServiceWorker } = (await import(pathToFileURL(join(repository, 'site/build.mjs')).href)) as Builder;
export { addServiceWorker };

/** A translator, and a language model, which lie beside a site. They have learnt next to nothing. */
export const [translator, languageModel] = ['digits.decade', 'letters.decade'];

/** A site in a folder of its own, for the time of the tests. */
export class BuiltSite {
  readonly #folder = mkdtempSync(join(tmpdir(), 'decade-site-'));
  readonly path = join(this.#folder, 'site');

  static async build(): Promise<BuiltSite> {
    const site = new BuiltSite();
    const models = await site.#models();
    mkdirSync(site.path);
    await buildSite(site.path, models);
    return site;
  }

  async #models(): Promise<string[]> {
    const digits = { 'data/train.tsv': digitPairs(100, 1), 'data/dev.tsv': digitPairs(20, 2) };
    const text = 'One fish, two fish, red fish, blue fish.\n'.repeat(20);
    const runtime = { ...nodeRuntime, files: memoryFiles({ ...digits, 'text.txt': text }), sharedMemory: false };
    const onLetters = configurationOf({
      version: 1,
      data: { train: { text: ['text.txt'] }, context: 32 },
      tokenizer: { kind: 'bytes' },
      model: { kind: 'transformer', decoderLayers: 2, width: 16, heads: 2, feedForward: 32 },
      training: { optimizer: { kind: 'adam', learningRate: 0.01 }, stop: { steps: 3 } },
    });
    const onDigits = tinyConfiguration({ stop: { steps: 3 } }, { model: { hidden: 16, attention: 'dot' } });
    await train(runtime, onDigits, { out: 'digits', gemm });
    await train(runtime, onLetters, { out: 'letters', gemm });
    return Promise.all(
      [translator, languageModel].map(async (name) => {
        await packed(runtime.files, name.replace('.decade', ''), { out: name });
        const path = join(this.#folder, name);
        writeFileSync(path, await runtime.files.readBytes(name));
        return path;
      }),
    );
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
