import * as z from 'zod';
import { languageTask } from '../base.js';
import type { Experiment } from '../experiment.js';
import { seeds } from '../options.js';
import { scalingFinding } from '../scaling/finding.js';
import { measureRuns } from '../scaling/measure.js';
import { learningRateOf, partsOf, sharedConfiguration, textOf, textRun } from './scaling.js';

const options = {
  seeds: seeds(1),
  width: z.int().min(8).max(512).default(48).describe('values per token of the Transformer'),
  doublings: z.int().min(2).max(8).default(5).describe('of epochs over the least part, and of fresh text beside them'),
};

export const epochs: Experiment<typeof options> = {
  title: 'What a repeated epoch is worth',
  source: {
    paper: 'Muennighoff et al., 2023',
    where: 'section 5',
    claim:
      'up to four epochs are worth nearly as much as fresh text; R*_D 15.39: after so many repetitions a further one is worth 1/e of it',
  },
  task: languageTask,
  options,
  judgesItself: true,

  async *stages(study) {
    const { laboratory, options } = study;
    const text = await textOf(study);
    const { width, doublings } = options;
    const model = { kind: 'transformer', decoderLayers: 2, width, heads: 2, feedForward: 2 * width, dropout: 0 } as const;
    const shared = sharedConfiguration(study.base.configuration, model, learningRateOf('Transformer', width));
    const most = partsOf(text.contexts, 1)[0] ?? 1;
    const least = Math.max(1, Math.floor(most / 2 ** doublings));
    const runs = Array.from({ length: options.seeds }, (_, index) => {
      const of = (examples: number, epochs: number) =>
        textRun(text, shared, { network: 'Transformer', size: 1, examples, epochs, seed: index + 1 });
      const factors = Array.from({ length: doublings + 1 }, (_, doubling) => 2 ** doubling);
      return [
        ...factors.map((factor) => of(factor * least, 1)),
        ...factors.slice(1).map((factor) => of(least, factor)),
        // The same on four times as much text shows whether it depends on that.
        ...factors.slice(1, -2).map((factor) => of(4 * least, factor)),
      ];
    });
    return scalingFinding(yield* measureRuns(laboratory, { known: runs.flat(), predicted: [] }));
  },
};
