import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel, modelOptions } from '../../src/models/create.js';
import { transformerOptions } from '../../src/models/transformer/options.js';

const parse = (options: object) => transformerOptions.parse({ kind: 'transformer', ...options });

/** Values of a model, which are only counted. */
function count(options: object, vocabularies: { source?: number; target: number }): number {
  return createModel(modelOptions.parse({ kind: 'transformer', ...options }), vocabularies).parameters.count;
}

test('published models have as many parameters as published', () => {
  const gpt2 = { preset: 'gpt2', decoderLayers: 12, width: 768, heads: 12 };
  assert.equal(count(gpt2, { target: 50_257 }), 124_439_808);
  const llama2 = { preset: 'llama', decoderLayers: 32, width: 4_096, heads: 32, feedForward: 11_008 };
  assert.equal(count(llama2, { target: 32_000 }), 6_738_415_616);
  const tinyLlama = { preset: 'llama', decoderLayers: 22, width: 2_048, heads: 32, keyValueHeads: 4, feedForward: 5_632 };
  assert.equal(count(tinyLlama, { target: 32_000 }), 1_100_048_384);
  const t5Small = { preset: 't5', encoderLayers: 6, decoderLayers: 6, width: 512, heads: 8, feedForward: 2_048 };
  assert.equal(count(t5Small, { source: 32_128, target: 32_128 }), 60_506_624);
  const form11 = { preset: 't5', activation: 'geglu-tanh', tiedEmbeddings: 'sides', scaledOutput: false } as const;
  const t5Small11 = { ...form11, encoderLayers: 8, decoderLayers: 8, width: 512, heads: 6, headWidth: 64, feedForward: 1_024 };
  assert.equal(count(t5Small11, { source: 32_128, target: 32_128 }), 76_961_152);
  const base = { preset: 'transformer-2017', encoderLayers: 6, decoderLayers: 6, width: 512, heads: 8 };
  assert.equal(Math.round(count(base, { source: 37_000, target: 37_000 }) / 1e6), 63);
});

test('a preset gives what was not chosen, and reading the result again changes nothing', () => {
  const options = parse({ preset: 'llama', width: 24, heads: 2, norm: { place: 'post' }, biases: true });
  assert.deepEqual(options.norm, { place: 'post', kind: 'rms', epsilon: 1e-5 });
  assert.deepEqual([options.positions, options.activation, options.biases, options.feedForward], ['rotary', 'swiglu', true, 64]);
  assert.deepEqual(transformerOptions.parse(options), options);
  assert.equal(parse({ width: 24 }).feedForward, 96);
});

test('what is added to the stream of a language model begins smaller the more layers it has, not those of an encoder', () => {
  const initial = (options: object, source?: number) => {
    const model = createModel(modelOptions.parse({ kind: 'transformer', initialisation: 'normal', decoderLayers: 2, ...options }), {
      source,
      target: 9,
    });
    return Array.from(model.parameters).find(({ name }) => name === 'decoder.0.attention.output.weight')?.rules.initial;
  };
  for (const encoderLayers of [3, 8]) assert.deepEqual(initial({ encoderLayers }), { kind: 'normal', deviation: 0.01 });
  assert.deepEqual(initial({ encoderLayers: 8 }, 9), { kind: 'normal', deviation: 0.005 });
});

test('where a published form drops at several places, its one rate is set once', () => {
  const places = (options: object) => {
    const { dropout, attentionDropout, feedForwardDropout } = parse(options);
    return [dropout, attentionDropout, feedForwardDropout];
  };
  assert.deepEqual(places({ preset: 'gpt2' }), [0.1, 0.1, 0]);
  assert.deepEqual(places({ preset: 'gpt2', dropout: 0 }), [0, 0, 0]);
  assert.deepEqual(places({ preset: 't5', dropout: 0.3, attentionDropout: 0.2 }), [0.3, 0.2, 0.3]);
  assert.deepEqual(places({ dropout: 0.3 }), [0.3, 0, 0]);
});

test('sizes that do not divide are refused with their names', () => {
  for (const [options, message] of [
    [{ width: 30, heads: 4 }, /^((?!encoderHeads).)*"heads"((?!encoderHeads).)*must divide model\.width, 30((?!encoderHeads).)*$/s],
    [{ width: 24, heads: 4, keyValueHeads: 3 }, /keyValueHeads.*must divide heads/s],
    [{ width: 24, heads: 8, positions: 'rotary' }, /heads.*even number of values per head/s],
    [
      { positions: 'relative', relativeBuckets: 64, relativeDistance: 32 },
      /relativeDistance.*more than half of model\.relativeBuckets, 64/s,
    ],
    [{ width: 25, heads: 5 }, /width.*must be even/s],
  ] as const) {
    assert.throws(() => parse(options), message);
  }
  assert.throws(() => count({ tiedEmbeddings: 'all' }, { source: 10, target: 12 }), /model\.tiedEmbeddings: all, .*tokenizer\.shared=true/);
});

test('a source token costs what reads it: the encoder and the keys of the decoder, or the one network', () => {
  const costs = (options: object) => {
    const sizes = { kind: 'transformer', decoderLayers: 2, width: 8, heads: 2, feedForward: 16, ...options };
    return createModel(modelOptions.parse(sizes), { source: 20, target: 20 }).parameters.costs;
  };
  const [attention, memory, feedForward, output] = [4 * 64, 2 * 64, 2 * 8 * 16, 8 * 20];
  assert.deepEqual(costs({ encoderLayers: 1 }), {
    source: attention + feedForward + 2 * memory,
    target: 2 * (attention + memory + feedForward) + output,
  });
  const one = 2 * (attention + feedForward);
  assert.deepEqual(costs({ encoderLayers: 0 }), { source: one, target: one + output });
});
