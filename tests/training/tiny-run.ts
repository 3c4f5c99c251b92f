import { memoryFiles } from '../../src/core/memory-files.js';
import { type Files, joinPath } from '../../src/core/files.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import type { LstmOptions } from '../../src/models/lstm/options.js';
import type { Device } from '../../src/tensor/device.js';
import { loadKernels } from '../../src/tensor/kernels/load.js';
import { webAssemblyProvider } from '../../src/tensor/kernels/provider.js';
import { Memory } from '../../src/tensor/memory.js';
import { type Configuration, configurationOf, type ConfigurationInput } from '../../src/training/configuration.js';
import { LocalExecutor } from '../../src/training/local-executor.js';
import type { TrainingContext } from '../../src/training/train.js';

/** Pairs of digits and the same digits reversed, a tab between. */
export function digitPairs(pairs: number, seed: number): string {
  const key = randomKey(seed, 'corpus');
  let text = '';
  for (let pair = 0; pair < pairs; pair++) {
    const length = 2 + uniformInteger(key, pair * 8, 5);
    const digits = Array.from({ length }, (_, digit) => String(uniformInteger(key, pair * 8 + 1 + digit, 10)));
    text += `${digits.join(' ')}\t${digits.toReversed().join(' ')}\n`;
  }
  return text;
}

/** Files in memory with a corpus of digits in `data`. */
export function digitFiles(pairs = 200): Files {
  return memoryFiles({ 'data/train.tsv': digitPairs(pairs, 1), 'data/dev.tsv': digitPairs(40, 2) });
}

/** A small LSTM on digits, everything that keeps state switched on. */
export function tinyConfiguration(
  training: ConfigurationInput['training'] = {},
  { directory = 'data', model = {} }: { directory?: string; model?: Partial<LstmOptions> } = {},
): Configuration {
  return configurationOf({
    version: 1,
    data: { train: { tsv: joinPath(directory, 'train.tsv') }, dev: { tsv: joinPath(directory, 'dev.tsv') } },
    tokenizer: { kind: 'word', split: 'spaces' },
    model: { kind: 'lstm', layers: 1, hidden: 8, dropout: 0.1, ...model },
    training: { optimizer: { kind: 'adam', learningRate: 0.01 }, batch: { sentences: 16 }, ...training },
  });
}

/** One device on this thread, with the portable matrix product and kernels that give the same bits in every version of Node. */
export function localContext(files: Files): TrainingContext {
  return {
    files,
    openDevice,
    openExecutor: async ({ model, rule }) => {
      const device = await openDevice();
      model.parameters.allocate(device.memory);
      return new LocalExecutor(device, model, rule);
    },
  };
}

async function openDevice(): Promise<Device> {
  const memory = new Memory({ shared: false });
  const kernels = await loadKernels(memory, { relaxed: false });
  return { memory, kernels, matrix: webAssemblyProvider(memory, kernels) };
}
