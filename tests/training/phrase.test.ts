import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { formatTranslation } from '../../src/decoding/nbest.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { pack } from '../../src/packed/pack-file.js';
import { configurationOf, type ConfigurationInput } from '../../src/training/configuration.js';
import type { TrainingEvent } from '../../src/training/events.js';
import { describeRun } from '../../src/training/run-description.js';
import { train } from '../../src/training/train.js';
import { localContext } from './tiny-run.js';

const pairs = [
  ['the house', 'la maison'],
  ['the blue house', 'la maison bleue'],
  ['the flower', 'la fleur'],
  ['the blue flower', 'la fleur bleue'],
  ['a house', 'une maison'],
  ['a blue car', 'une voiture bleue'],
  ['the car', 'la voiture'],
] as const;
const side = (index: 0 | 1) => `${pairs.map((pair) => pair[index]).join('\n')}\n`;

const withCorpus = () =>
  memoryFiles({ 'train.en': side(0).repeat(3), 'train.fr': side(1).repeat(3), 'dev.en': side(0), 'dev.fr': side(1) });

const configuration = (model: ConfigurationInput['model'] = { kind: 'phrase', order: 3 }, dev = true) =>
  configurationOf({
    version: 1,
    data: { train: { source: 'train.en', target: 'train.fr' }, ...(dev && { dev: { source: 'dev.en', target: 'dev.fr' } }) },
    tokenizer: { kind: 'word' },
    model,
  });

async function trained(files: Files, given = configuration(), resume = false) {
  const events: TrainingEvent[] = [];
  const summary = await train(localContext(files), given, { out: 'run', resume, onEvent: (event) => events.push(event) });
  return { summary, events };
}

const open = (files: Files, path = 'run') => load({ ...nodeRuntime, files, sharedMemory: false }, path, { devices: 1 });

describe('a phrase-based model', () => {
  let files: Files;
  before(async () => {
    files = withCorpus();
    await trained(files);
  });

  test('aligns, extracts, tunes and is a whole run, which stays as it is when it is resumed', async () => {
    const again = withCorpus();
    const { summary, events } = await trained(again);
    const stages = new Set(events.flatMap((event) => (event.kind === 'counting' ? [event.stage ?? 'counting'] : [])));
    assert.deepEqual([...stages].slice(0, 4), ['counting', 'aligning words', 'extracting phrases', 'tuning, iteration 1']);
    assert.equal(summary.best?.metric, 'bleu');
    assert.match(await again.readText('run/train.log'), /phrase pairs.*\n[\s\S]*\[tune] iteration 1 : bleu/);
    const bytes = await again.readBytes('run/model.safetensors');
    assert.deepEqual(bytes, await files.readBytes('run/model.safetensors'), 'the same bits');
    assert.equal((await trained(again, configuration(), true)).summary.best?.metric, 'bleu');
    assert.deepEqual(await again.readBytes('run/model.safetensors'), bytes);
  });

  test('translates, copies what it does not know, and says where words come from', async () => {
    await using model = await open(files);
    const [known, unknown] = await model.translate(['the flower', 'the zebra'], { attention: true });
    assert.equal(known?.text, 'la fleur');
    const sources = model.alignment('the flower', known)?.map(({ source }) => source.join('-'));
    assert.deepEqual(sources, ['0-3', '4-10']);
    const [[view] = []] = await model.attentionViews(['the flower']);
    assert.deepEqual(
      [view?.rows, view?.columns, view?.layers.map((heads) => heads.map((head) => [...head]))],
      [['la', 'fleur'], ['the', 'flower'], [[[1, 0, 0, 1]]]],
    );
    assert.equal(unknown?.text, 'la zebra');
    assert.deepEqual(unknown.unknownSourceWords, ['zebra']);
  });

  test('lists its best translations with the features of the score, by name', async () => {
    await using model = await open(files);
    const [result] = await model.translate(['a flower'], { nbest: 2 });
    const [first, second] = result?.nbest ?? [];
    assert.ok(first !== undefined && second !== undefined && first.text !== second.text && first.score >= second.score);
    assert.match(formatTranslation(0, first), /\|\|\| inversePhrase= \S+ .*languageModel= \S+ wordPenalty= -2\.0+ .*\|\|\| -?[\d.]+$/);
    assert.doesNotMatch(formatTranslation(0, first), /monotone/, 'nothing of reordering where it is not used');
  });

  test('lists an empty line with the features of the others', async () => {
    await using model = await open(files);
    const [full, empty] = await model.translate(['a flower', '']);
    assert.deepEqual(Object.keys(empty?.features ?? {}), Object.keys(full?.features ?? {}));
    assert.deepEqual(new Set(Object.values(empty?.features ?? {})), new Set([0]));
  });

  test('refuses with a reason what it has no probabilities for', async () => {
    await using model = await open(files);
    const usage = (error: unknown) => error instanceof DecadeError && error.kind === 'usage';
    await assert.rejects(model.score([{ source: 'a house', target: 'une maison' }]), usage);
    await assert.rejects(model.translate(['a house'], { sample: { samples: 2, seed: 1 } }), usage);
    await assert.rejects(model.translate(['a house'], { lengthPenalty: { alpha: 0.6 } }), /lengthPenalty.* searches whole sentences/);
    await assert.rejects(model.translate([{ text: 'a house', prefix: 'une' }]), usage);
    await assert.rejects(load({ ...nodeRuntime, files, sharedMemory: false }, ['run', 'run'], { devices: 1 }), usage);
    assert.throws(
      () =>
        configurationOf({ version: 1, data: { train: { text: ['train.en'] } }, tokenizer: { kind: 'bytes' }, model: { kind: 'phrase' } }),
      usage,
    );
  });

  test('translates the same when it is packed', async () => {
    await pack(files, 'run', { out: 'run.decade' }, describeRun);
    await using packed = await open(files, 'run.decade');
    await using model = await open(files);
    const lines = ['the blue car', 'a flower', 'a house'];
    const [theirs, ours] = await Promise.all([packed, model].map(async (each) => each.translate(lines, { nbest: 3 })));
    assert.deepEqual(theirs, ours);
  });

  test('learns how phrases lie to each other where that is asked for, and warns where nothing tunes its weights', async () => {
    const other = withCorpus();
    const { events } = await trained(
      other,
      configuration({ kind: 'phrase', order: 2, reordering: 'lexicalised', smoothing: 'none' }, false),
    );
    assert.ok(events.some((event) => event.kind === 'warning' && /not tuned/.test(event.message)));
    await using model = await open(other);
    const [result] = await model.translate(['the blue car']);
    assert.equal(result?.text, 'la voiture bleue');
    assert.ok((result.features?.monotoneBefore ?? 0) < 0);
  });
});
