import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { search } from '../../src/decoding/search.js';
import type { StepModel } from '../../src/models/model.js';
import { openGolden } from './opened.js';

const folder = '../shared/goldens/hf';
const skip = existsSync(folder) ? false : `${folder} is not here`;

/** What transformers computes for a model (see README.md there). */
interface Expected {
  readonly forward: readonly {
    readonly inputIds: number[];
    readonly decoderInputIds?: number[];
    readonly decoderLogits?: number[][];
    readonly logits?: number[][];
    readonly labels: number[];
    readonly labelLogProbs: number[];
  }[];
  readonly greedy: readonly {
    readonly inputIds?: number[];
    readonly promptIds?: number[];
    readonly ids: number[];
    readonly logProbs: number[];
    readonly endedByItself: boolean;
  }[];
  readonly beam4: readonly {
    readonly inputIds?: number[];
    readonly promptIds?: number[];
    readonly options: { readonly early_stopping: boolean | 'never'; readonly length_penalty: number };
    readonly hypotheses: readonly { readonly ids: number[]; readonly score: number }[];
  }[];
  readonly options: { readonly max_length: number };
}

const names = [
  'marian-shared',
  'marian-shared-f16',
  'marian-separate',
  'marian-opus',
  'm2m100',
  'gpt2',
  'gpt2-old',
  'llama',
  'llama-bf16',
  't5-v1.0',
  't5-v1.1',
];

for (const name of names) {
  describe(`${name} of Hugging Face`, { skip }, async () => {
    if (skip !== false) return;
    const expected: Expected = JSON.parse(readFileSync(`${folder}/${name}/expected.json`, 'utf8'));
    const opened = await openGolden(`${folder}/${name}`);
    const { model, device } = opened;
    after(() => model.parameters.dispose());
    const sourceOf = (ids: readonly number[] | undefined) => {
      if (ids === undefined || model.vocabularies.source === undefined) return [];
      // decade ends sources itself.
      assert.equal(ids.at(-1), opened.foreign.source?.special.end);
      return ids.slice(0, -1);
    };

    /** What is given of a target, and the model as it reads that. */
    const promptOf = (ids: readonly number[] = []) => {
      const { begin } = opened.foreign.target.special;
      const beginsPrompts = ids.length === 0 || ids[0] === begin;
      const { vocabularies, parameters, decodingMemory } = model;
      const decode: StepModel['decode'] = (...given) => model.decode(...given);
      const prompted: StepModel = { vocabularies, parameters, decodingMemory, decode, beginsPrompts };
      return { prefix: beginsPrompts ? ids.slice(1) : ids, prompted };
    };

    test('logits', () => {
      let compared = 0;
      for (const {
        inputIds,
        decoderInputIds = inputIds,
        decoderLogits,
        logits = decoderLogits,
        labels,
        labelLogProbs,
      } of expected.forward) {
        const session = model.decode(device, [sourceOf(decoderLogits === undefined && logits !== undefined ? undefined : inputIds)]);
        for (const [place, id] of decoderInputIds.entries()) {
          const { logits: found, bias } = session.step(Int32Array.of(id));
          const values = Array.from(found.f32, (value, column) => value + (bias?.f32[column] ?? 0));
          const greatest = Math.max(...values);
          const total = greatest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - greatest), 0));
          const label = labels[place];
          if (label !== undefined) {
            near((values[label] as number) - total, labelLogProbs[place] as number, `log-probability ${place}`);
          }
          for (const [row, value] of (logits?.[place] ?? []).entries()) {
            near(values[row] as number, value, `logit ${row} at ${place}`);
            compared++;
          }
        }
        session.dispose();
      }
      assert.ok(compared > 1_000);
    });

    test('greedy search', async () => {
      for (const { inputIds, promptIds, ids, logProbs, endedByItself } of expected.greedy) {
        const { prefix, prompted } = promptOf(promptIds);
        // At the limit Marian ends by force, and others are cut off, where decade ends as well.
        const isForced = !endedByItself && ids.at(-1) === opened.foreign.target.special.end;
        const length = prefix.length + logProbs.length;
        const maximumLength = endedByItself ? length + 5 : length - (isForced ? 1 : 0);
        const [[best] = []] = await search(prompted, device, [{ source: sourceOf(inputIds), prefix }], {
          ...searchOptions,
          beam: 1,
          nbest: 1,
          maximumLength,
        });
        const found = [...(best?.ids ?? []), ...(endedByItself || isForced ? [ids.at(-1)] : [])];
        assert.deepEqual(found, ids.slice(-found.length));
        for (const [place, value] of logProbs.entries()) {
          if (isForced && place === logProbs.length - 1) continue;
          near(best?.tokenLogProbabilities[prefix.length + place] ?? NaN, value, `log-probability ${place}`);
        }
      }
    });

    test('beam search', async () => {
      let compared = 0;
      for (const { inputIds, promptIds, options, hypotheses } of expected.beam4) {
        const { prefix, prompted } = promptOf(promptIds);
        const most = expected.options.max_length;
        // decade ends every translation; what was cut short there has another score. And it counts what was given.
        if (hypotheses.some(({ ids }) => ids.length >= most) || (prefix.length > 0 && options.length_penalty !== 0)) continue;
        const stopping = { false: 'likely', true: 'first', never: 'exact' } as const;
        const [found = []] = await search(prompted, device, [{ source: sourceOf(inputIds), prefix }], {
          ...searchOptions,
          beam: 4,
          nbest: 4,
          stopping: stopping[`${options.early_stopping}`],
          lengthPenalty: { kind: 'power', alpha: options.length_penalty },
          maximumLength: most - 2,
        });
        assert.deepEqual(
          found.map(({ ids }) => [...ids]),
          hypotheses.map(({ ids }) => ids.slice(promptIds?.length === prefix.length ? 0 : 1, -1)),
        );
        for (const [place, { score }] of hypotheses.entries()) {
          const given = found[place]?.tokenLogProbabilities.subarray(0, prefix.length).reduce((sum, value) => sum + value, 0) ?? NaN;
          near((found[place]?.score ?? NaN) - given, score, `score ${place}`);
        }
        compared++;
      }
      assert.ok(compared > 0, 'nothing was compared');
    });
  });
}

const searchOptions = {
  beamWidth: 'constant',
  stopping: 'likely',
  lengthPenalty: { kind: 'power', alpha: 1 },
  minimumLength: 0,
  forbidRepeats: 0,
  forbidUnknown: false,
  attention: false,
} as const;

function near(actual: number, expected: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= 1e-4, `${what}: ${actual} instead of ${expected}`);
}
