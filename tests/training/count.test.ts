import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { estimateCorpus } from '../../src/analysis/cost/estimate.js';
import { estimateCounting } from '../../src/analysis/cost/estimate-counting.js';
import { isUnbegun } from '../../src/checkpoint/run-files.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { UnfinishedWork } from '../../src/core/unfinished.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { codeLengthOf } from '../../src/packed/code-length.js';
import { pack } from '../../src/packed/pack-file.js';
import { configurationOf, type ConfigurationInput } from '../../src/training/configuration.js';
import type { TrainingEvent } from '../../src/training/events.js';
import { describeRun } from '../../src/training/run-description.js';
import { train } from '../../src/training/train.js';
import { localContext } from './tiny-run.js';

const lines = ['the dog runs on a beach', 'a cat sleeps', 'the dog sleeps on the cat', 'nobody comes'];
const textFiles = () => memoryFiles({ 'train.txt': `${lines.join('\n')}\n`.repeat(4), 'dev.txt': `${lines.slice(1).join('\n')}\n` });

function configuration({ model = { kind: 'ngram', order: 3 }, ...changes }: Partial<ConfigurationInput> = {}) {
  return configurationOf({
    version: 1,
    data: { train: { text: ['train.txt'], documents: 'line' }, dev: { text: ['dev.txt'], documents: 'line' } },
    tokenizer: { kind: 'word', split: 'spaces' },
    model,
    ...changes,
  });
}

async function trained(
  files: Files,
  given = configuration(),
  request: { resume?: boolean; signal?: AbortSignal } = {},
  at?: (event: TrainingEvent) => void,
) {
  const events: TrainingEvent[] = [];
  const onEvent = (event: TrainingEvent) => {
    events.push(event);
    at?.(event);
  };
  const summary = await train(localContext(files), given, { out: 'run', onEvent, ...request });
  return { summary, events, warnings: events.flatMap((event) => (event.kind === 'warning' ? [event.message] : [])) };
}

const runtime = (files: Files) => ({ ...nodeRuntime, files, sharedMemory: false });

describe('a model that is counted', () => {
  let files: Files;
  before(async () => {
    files = textFiles();
    await trained(files);
  });

  test('is a run like any other, whole at once', async () => {
    const again = textFiles();
    const { summary, events, warnings } = await trained(again);
    assert.deepEqual([summary.steps, summary.epochs, summary.reason, summary.interrupted], [0, 1, 'epochs', false]);
    assert.deepEqual(warnings, []);
    assert.ok(events.some(({ kind }) => kind === 'counting'));
    assert.ok(summary.best !== undefined && summary.best.value > 1 && summary.best.value < 6, `${summary.best?.value}`);
    assert.match(await again.readText('run/train.log'), /14 1-grams \(discounts: .* 3-grams .*training corpus: kept 16 of 16 documents/);
    const { model } = JSON.parse(await again.readText('run/model.json'));
    assert.deepEqual([model.kind, model.ngrams.length, model.ngrams[0]], ['ngram', 3, 14]);
    assert.equal(await isUnbegun(again, 'run'), false);
    assert.deepEqual(await again.readBytes('run/model.safetensors'), await files.readBytes('run/model.safetensors'), 'the same bits');
  });

  test('that is whole stays as it is when it is resumed', async () => {
    const before = await files.readBytes('run/model.safetensors');
    const { summary } = await trained(files, configuration(), { resume: true });
    assert.deepEqual([summary.epochs, summary.interrupted], [1, false]);
    assert.ok(summary.parameters > 0 && (summary.best?.value ?? 0) > 1);
    assert.deepEqual(await files.readBytes('run/model.safetensors'), before);
    assert.equal(JSON.parse(await files.readText('run/model.json')).model.ngrams.length, 3);
    const other = configuration({ model: { kind: 'ngram', order: 2 } });
    await assert.rejects(trained(files, other, { resume: true }), /run, resuming: model\.order 2 \(was 3\)/);
  });

  test('that was interrupted is no run yet, and begins again', async () => {
    for (const resume of [false, true]) {
      const stopped = textFiles();
      const controller = new AbortController();
      const { summary } = await trained(
        stopped,
        configuration(),
        { signal: controller.signal },
        ({ kind }) => kind === 'counting' && controller.abort(),
      );
      assert.equal(summary.interrupted, true);
      assert.equal(await isUnbegun(stopped, 'run'), true);
      assert.ok(!(await stopped.list('run')).includes('model.safetensors'));
      // As if the process had been killed while it had counts in a file.
      await new UnfinishedWork(stopped, 'run/cache').begin('1-counts.ngrams.partial');
      await (await stopped.create('run/cache/1-counts.ngrams.partial')).close();
      await trained(stopped, configuration(), { resume });
      assert.deepEqual(await stopped.readBytes('run/model.safetensors'), await files.readBytes('run/model.safetensors'));
      assert.deepEqual(
        (await stopped.list('run/cache')).filter((name) => !name.endsWith('.corpus')),
        [],
      );
    }
  });

  test('says which options of training it has no use for', async () => {
    const training = { optimizer: { kind: 'adam', learningRate: 0.1 }, batch: { sentences: 2 }, seed: 7 } as const;
    const { warnings } = await trained(textFiles(), configuration({ training }));
    assert.deepEqual(warnings.map((warning) => warning.split(' ')[0]).sort(), [
      'training.batch',
      'training.normalise',
      'training.optimizer',
      'training.seed',
    ]);
    assert.match(warnings[0] ?? '', /has no effect: 3-gram language model on text/);
  });

  test('is of text, and begins with nothing', async () => {
    const pairs = { train: { source: 'a', target: 'b' } };
    assert.throws(() => configuration({ data: pairs }), /model\.kind: .*only for data\.train: \{ text: \[files\] \}/);
    assert.throws(() => configuration({ model: { kind: 'ngram', order: 9 } }), /model\.order: 9; expected .*8/);
    await assert.rejects(
      train(localContext(textFiles()), configuration(), { out: 'other', init: 'run' }),
      /--init run: a beginning for a model that is counted/,
    );
  });

  test('scores, writes and votes', async () => {
    const lstm = { kind: 'lstm', layers: 1, hidden: 8 } as const;
    const context = localContext(files);
    await train(context, configuration({ model: lstm, training: { stop: { steps: 3 } } }), { out: 'lstm' });
    const scores: number[][] = [];
    for (const runs of [['run'], ['lstm'], ['run', 'lstm']]) {
      const model = await load(runtime(files), runs, { gemm: 'webassembly' });
      const { documents } = await model.scoreText(lines, { perToken: true });
      scores.push(documents.flatMap(({ perToken }) => perToken?.logProbabilities ?? []));
      for await (const { samples } of model.generateStream(['the'], { temperature: 0, maximumLength: 6 })) {
        if (runs.length === 1 && runs[0] === 'run') assert.match(samples[0]?.text ?? '', /^ dog (runs on|sleeps on)/);
        // What is written is scored as it was drawn.
        const [sample] = samples;
        const ids = [...model.readPrompt('the').ids, ...(sample?.ids ?? [])];
        const given = await model.predictions(ids);
        const drawn = sample?.tokenLogProbabilities ?? [];
        for (const [index, logProbability] of drawn.slice(0, sample?.ids.length).entries()) {
          assert.ok(Math.abs(logProbability - (given[index + 1]?.logProbability ?? 0)) < 1e-4);
        }
      }
      await model.dispose();
    }
    const [own = [], other = [], together = []] = scores;
    for (const [index, value] of together.entries()) {
      const mean = Math.log((Math.exp(own[index] ?? 0) + Math.exp(other[index] ?? 0)) / 2);
      assert.ok(Math.abs(value - mean) < 1e-5);
    }
  });

  test('its code length is that of the text and of the packed file', async () => {
    const code = await codeLengthOf(files, ['run'], { logProbability: -80 * Math.LN2 }, describeRun);
    const { bytes } = await pack(files, 'run', { out: 'packed.decade' }, describeRun);
    assert.deepEqual(code, { textBytes: 10, modelBytes: bytes });
    assert.equal(await files.size('packed.decade'), bytes);
  });

  test('its size is known before it is counted, of a text that fits into the sample', async () => {
    const given = configuration();
    const { ngrams, parameters } = estimateCounting(given, await estimateCorpus(files, given));
    const { model } = JSON.parse(await files.readText('run/model.json'));
    assert.deepEqual(ngrams, model.ngrams);
    assert.equal(parameters, (await trained(files, given, { resume: true })).summary.parameters);
  });
});
