import * as z from 'zod';
import { readLines } from '../../src/data/lines.js';
import { varied } from '../../src/experiments/base.js';
import type { Experiment } from '../../src/experiments/experiment.js';
import { type TextFiles, type Transform, train, transform, transformToText, translate } from '../../src/experiments/steps.js';

const options = {
  version: z.int().default(1).describe('of the transform that puts pairs together'),
  further: z.int().min(0).default(0).describe('updates of a training that the results decide'),
};

/**
 * A training on what an earlier model translated, in small: a model of the task with its sides exchanged translates the dev set's
 * targets, these translations become sources, and a second model is trained on the pairs. `made` hears each transform that is made.
 */
export function backTranslation(made: (name: string) => void = () => undefined): Experiment<typeof options> {
  return {
    title: 'Training on translations made backwards',
    source: { paper: 'Sennrich, Haddow and Birch, 2016', where: 'section 3.1', claim: 'sentences without a source are worth training on' },
    task: 'digits:reverse:2-4',
    options,

    async *stages({ base: { configuration }, options: { version, further }, test, laboratory }) {
      const { dev = configuration.data.train } = configuration.data;
      const { references } = await laboratory.sentences(dev, 'dev');
      const backward = train(varied(configuration, { training: { seed: 7 } }));
      const back = translate([backward], { name: 'monolingual', sources: references, references }, 1);
      const pairs = transformToText({
        name: 'back-translated pairs',
        version,
        inputs: [back],
        make([{ texts }]) {
          made('pairs');
          return { source: texts.map((text) => text || '0'), target: references };
        },
      });
      const variety = varietyOf(pairs, made);
      const forward = train(configuration, { train: pairs });
      yield {
        steps: [translate([forward], test, 2), variety],
        ...(further > 0 && { follows: 'a longer training when the pairs differ' }),
      };
      const { different } = await laboratory.result(variety);
      const longer = varied(configuration, { training: { stop: { steps: different > 1 ? further : 1 } } });
      if (further > 0) yield { steps: [train(longer, { train: pairs })] };
      const { perplexity } = await laboratory.result(forward);
      const { texts } = await laboratory.result(translate([forward], test, 2));
      return { head: ['different'], rows: [[String(different)]], conclusions: [], plots: [], figures: { different, perplexity, texts } };
    },
  };
}

/** How many sentences of the made side differ, as JSON: a transform whose input is the text of another. */
function varietyOf(pairs: Transform<TextFiles>, made: (name: string) => void) {
  return transform({
    name: 'different sources',
    version: 1,
    inputs: [pairs],
    schema: z.object({ different: z.number() }),
    async make([{ source = '' }], { files }) {
      made('variety');
      const seen = new Set<string | undefined>();
      for await (const block of readLines(files, source)) for (const line of block) seen.add(line);
      return { different: seen.size };
    },
  });
}
