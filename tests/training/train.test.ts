import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Run } from '../../src/checkpoint/run.js';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.js';
import { DecadeError } from '../../src/core/errors.js';
import { fileError } from '../../src/core/file-errors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import type { TrainingEvent } from '../../src/training/events.js';
import type { BatchDecoder } from '../../src/decoding/executor.js';
import type { Executor } from '../../src/training/executor.js';
import { parseProgress } from '../../src/training/progress.js';
import { type TrainingContext, type TrainRequest, train } from '../../src/training/train.js';
import { configurationOf } from '../../src/training/configuration.js';
import { digitFiles, digitPairs, localContext, tinyConfiguration } from './tiny-run.js';

/** Trains, and gathers the events. */
async function run(context: TrainingContext, configuration: Parameters<typeof train>[1], request: Partial<TrainRequest> = {}) {
  const events: TrainingEvent[] = [];
  const summary = await train(context, configuration, {
    out: 'out',
    ...request,
    onEvent: (event) => {
      events.push(event);
      request.onEvent?.(event);
    },
  });
  return { summary, events };
}

const ofKind = <Kind extends TrainingEvent['kind']>(events: readonly TrainingEvent[], kind: Kind) =>
  events.filter((event): event is Extract<TrainingEvent, { kind: Kind }> => event.kind === kind);

/** The context with parts of its executors replaced. */
function changed(context: TrainingContext, change: (executor: Executor) => Partial<Executor>): TrainingContext {
  return {
    ...context,
    openExecutor: async (setup) => {
      const executor = await context.openExecutor(setup);
      return {
        update: (...update) => executor.update(...update),
        evaluate: (...evaluation) => executor.evaluate(...evaluation),
        decoding: () => executor.decoding(),
        collect: () => executor.collect(),
        distribute: (values) => executor.distribute(values),
        placement: executor.placement,
        dispose: () => executor.dispose(),
        ...change(executor),
      };
    },
  };
}

/** All bytes that resuming must bring back. */
async function checkpointBytes(files: Files, out: string, step: number): Promise<Record<string, Uint8Array>> {
  const directory = `${out}/checkpoints/step-${step}`;
  return {
    model: await files.readBytes(`${directory}/model.safetensors`),
    optimizer: await files.readBytes(`${directory}/optimizer.safetensors`),
    best: await files.readBytes(`${out}/model.safetensors`),
  };
}

async function metricsOf(files: Files, out: string): Promise<Record<string, unknown>[]> {
  const lines = (await files.readText(`${out}/metrics.jsonl`)).trimEnd().split('\n');
  return lines.map((line) => {
    // Times differ from one run to the next.
    const { seconds: _seconds, wordsPerSecond: _speed, ...figures } = JSON.parse(line) as Record<string, unknown>;
    return figures;
  });
}

test('a run learns, and leaves all that it promises', async () => {
  const files = digitFiles();
  const configuration = tinyConfiguration({ stop: { epochs: 2.5 }, report: { every: { steps: 10 } }, checkpoint: { keep: 2 } });
  const { summary, events } = await run(localContext(files), configuration);
  // 200 pairs in batches of 16 are 13 updates.
  assert.deepEqual([summary.steps, summary.reason, summary.interrupted], [33, 'epochs', false]);
  assert.deepEqual(
    (await files.list('out')).filter((name) => name !== 'cache'),
    [
      'checkpoints',
      'config.yaml',
      'metrics.jsonl',
      'model.json',
      'model.safetensors',
      'source-tokenizer.json',
      'source-words.txt',
      'target-tokenizer.json',
      'train.log',
    ],
  );
  assert.deepEqual(await (await Run.open(files, 'out')).checkpoints.steps(), [26, 33]);
  assert.deepEqual(
    ofKind(events, 'checkpoint').map(({ step }) => step),
    [0, 13, 26, 33],
  );
  const reports = ofKind(events, 'report').map(({ report }) => report);
  assert.deepEqual(
    reports.map(({ steps }) => steps),
    [10, 20, 30, 33],
  );
  assert.ok((reports.at(-1)?.loss ?? 9) < (reports[0]?.loss ?? 0));
  assert.deepEqual(
    ofKind(events, 'validation').map(({ step }) => step),
    [13, 26, 33],
  );
  const updates = ofKind(events, 'update');
  assert.equal(updates.length, 33);
  assert.ok(updates.every(({ fraction, remainingSeconds }) => fraction > 0 && fraction <= 1 && Number.isFinite(remainingSeconds)));
  const log = await files.readText('out/train.log');
  assert.match(
    log,
    /\] Ep\. 1 : Up\. 10 : Sen\. \d+ : Cost \d\.\d{4} : Time [\d.]+s : [\d.]+ words\/s : gNorm [\d.]+ : L\.r\. 1\.0000e-2\n/,
  );
  assert.match(log, /\] \[valid\] Ep\. 3 : Up\. 33 : perplexity [\d.]+ : best so far\n/);
  assert.equal((await metricsOf(files, 'out')).length, 4 + 3);
});

test('the best model, not the last, is the one that is kept', async () => {
  const files = digitFiles();
  const perplexities = [5, 3, 4, 6];
  const context = changed(localContext(files), () => {
    let validation = 0;
    return {
      evaluate: async () => ({
        negativeLogLikelihood: Math.log(perplexities[validation++ % 4] ?? 0) * 10,
        targetTokens: 10,
        sourceTokens: 10,
        sentences: 1,
      }),
    };
  });
  const training = { stop: { steps: 40 }, batch: { sentences: 64 }, validate: { every: { steps: 2 }, patience: 2 } } as const;
  const { summary, events } = await run(context, tinyConfiguration({ ...training, checkpoint: { every: { steps: 2 }, keep: 9 } }));
  assert.deepEqual([summary.reason, summary.steps], ['patience', 8]);
  assert.equal(summary.best?.step, 4);
  assert.ok(Math.abs((summary.best?.value ?? 0) - 3) < 1e-9);
  assert.deepEqual(
    ofKind(events, 'validation').map(({ stalled }) => stalled),
    [0, 0, 1, 2],
  );
  assert.match(await files.readText('out/train.log'), /perplexity 6\.000 : stalled 2 times \(best: perplexity 3\.000 at 4\)/);
  const best = await SafetensorsFile.open(files, 'out/model.safetensors');
  assert.equal(best.metadata.step, '4');
  await best.close();
});

test('translations of the dev corpus are scored, and the first metric decides', async () => {
  const files = digitFiles();
  const asked: unknown[] = [];
  let disposals = 0;
  const context = changed(localContext(files), () => {
    // The first validation is told the right answers, the second a wrong one.
    const search: BatchDecoder['search'] = async (sentences, { beam }) => {
      asked.push([sentences.length, beam, disposals]);
      return sentences.map(({ source }) => {
        const ids = disposals === 0 ? Int32Array.from(source).reverse() : Int32Array.of(4);
        return [{ ids, tokenLogProbabilities: new Float32Array(ids.length + 1), logProbability: 0, score: 0, attention: undefined }];
      });
    };
    const score = () => Promise.reject(new Error('nobody asked for a score'));
    const decoder: BatchDecoder = { devices: 1, memory: { perGivenToken: 0, perRow: 0, perStep: 0 }, search, score };
    const dispose = async () => void disposals++;
    return { decoding: async () => ({ decoderFor: async () => decoder, dispose }) };
  });
  const validate = { every: { steps: 4 }, metrics: ['exact' as const, 'bleu' as const], beam: 3, sentences: 30 };
  const { events, summary } = await run(context, tinyConfiguration({ stop: { steps: 8 }, validate }));
  assert.deepEqual(asked, [
    [30, 3, 0],
    [30, 3, 1],
  ]);
  const [first, second] = ofKind(events, 'validation');
  assert.deepEqual([first?.figures.exact, second?.figures.exact], [100, 0]);
  assert.ok(Math.abs((first?.figures.bleu ?? 0) - 100) < 1e-6);
  assert.deepEqual([summary.best?.metric, summary.best?.step, second?.stalled], ['exact', 4, 1]);
  assert.equal(disposals, 2);
});

test('stopped by its signal at any update, a resumed run ends bit for bit as if it had not been', async () => {
  const training = {
    stop: { epochs: 2 },
    batch: { sentences: 24 },
    accumulate: 2,
    schedule: { kind: 'inverse-square-root' as const, warmup: { steps: 4 } },
    labelSmoothing: 0.1,
    validate: { every: { steps: 3 } },
    checkpoint: { every: { steps: 4 }, average: 2 },
    report: { every: { steps: 3 } },
  };
  const whole = digitFiles();
  const { summary } = await run(localContext(whole), tinyConfiguration(training));
  assert.equal(summary.steps, 10);
  for (let stopAt = 1; stopAt < summary.steps; stopAt++) {
    const files = digitFiles();
    const controller = new AbortController();
    const stopped = await run(localContext(files), tinyConfiguration(training), {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind === 'update' && event.steps === stopAt) controller.abort();
      },
    });
    assert.deepEqual([stopped.summary.interrupted, stopped.summary.steps], [true, stopAt]);
    const resumed = await run(localContext(files), tinyConfiguration(training), { resume: true });
    assert.deepEqual(ofKind(resumed.events, 'resumed'), [{ kind: 'resumed', step: stopAt }]);
    assert.deepEqual(resumed.summary.best, summary.best);
    assert.deepEqual(await checkpointBytes(files, 'out', 10), await checkpointBytes(whole, 'out', 10), `stopped at ${stopAt}`);
    assert.deepEqual(await metricsOf(files, 'out'), await metricsOf(whole, 'out'), `stopped at ${stopAt}`);
  }
});

test('a signal before the first update stops too, and the run resumes', async () => {
  const files = digitFiles();
  const configuration = tinyConfiguration({ stop: { steps: 3 } });
  for (const kind of ['tokenizers', 'tokenizing'] as const) {
    const controller = new AbortController();
    const { summary } = await run(localContext(files), configuration, {
      resume: (await files.kind('out')) === 'directory',
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind === kind) controller.abort();
      },
    }).catch(async (error) => assert.fail(`${kind}: ${error}`));
    assert.deepEqual([summary.interrupted, summary.steps], [summary.steps < 3, summary.steps]);
  }
  const { summary } = await run(localContext(files), configuration, { resume: (await files.kind('out')) === 'directory' });
  assert.equal(summary.steps, 3);
});

test('lines of metrics and log that came after the checkpoint are cut when a run resumes', async () => {
  const training = { stop: { steps: 9 }, report: { every: { steps: 1 } }, checkpoint: { every: { steps: 4 } } };
  const files = digitFiles();
  const context = localContext(files);
  const failing = changed(context, (executor) => ({
    update: async (batches, settings) => {
      if (settings.update === 7) throw new DecadeError('resource', { where: 'device 1', received: 'the thread died' });
      return executor.update(batches, settings);
    },
  }));
  await assert.rejects(run(failing, tinyConfiguration(training)), /device 1: the thread died/);
  assert.equal((await metricsOf(files, 'out')).length, 6);
  assert.match(await files.readText('out/train.log'), /Stopped: device 1: the thread died/);
  const { events } = await run(context, tinyConfiguration(training), { resume: true });
  assert.deepEqual(ofKind(events, 'resumed'), [{ kind: 'resumed', step: 4 }]);
  const reports = (await metricsOf(files, 'out')).filter(({ kind }) => kind === 'report');
  assert.deepEqual(
    reports.map(({ steps }) => steps),
    [1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  assert.doesNotMatch(await files.readText('out/train.log'), /Stopped/);
});

test('a loss that is no number stops with what to try, and the last checkpoint stands', async () => {
  const files = digitFiles();
  const context = localContext(files);
  const diverging = changed(context, (executor) => ({
    update: async (batches, settings) => {
      const result = await executor.update(batches, settings);
      return settings.update === 6 ? { ...result, loss: Number.NaN, gradientNorm: Number.POSITIVE_INFINITY, finite: false } : result;
    },
  }));
  const configuration = tinyConfiguration({ stop: { steps: 9 }, checkpoint: { every: { steps: 5 } } });
  await assert.rejects(run(diverging, configuration), (error) => {
    assert.ok(error instanceof DecadeError && error.kind === 'numeric');
    assert.match(
      error.message,
      /^update 6: a loss of NaN per word, gradient norm Infinity, learning rate 0\.01; expected finite numbers\. Checkpoint 5 and the model are intact; .*--init out and --set training\.optimizer\.learningRate=0\.0025 or --set training\.clip\.max=2\.5$/,
    );
    return true;
  });
  assert.deepEqual(await (await Run.open(files, 'out')).checkpoints.steps(), [0, 5]);
});

test('a full disk during a checkpoint leaves the one before, from which the run goes on', async () => {
  const files = digitFiles();
  const context = localContext(files);
  const configuration = tinyConfiguration({ stop: { steps: 8 }, checkpoint: { every: { steps: 4 } } });
  const full: Files = {
    ...files,
    create: async (path) => {
      const writer = await files.create(path);
      if (!path.includes('step-8')) return writer;
      return { write: () => Promise.reject(fileError('full', path)), sync: () => writer.sync(), close: () => writer.close() };
    },
  };
  await assert.rejects(run({ ...context, files: full }, configuration), /step-8.*disk full\. Checkpoint 4 is intact; free some space/);
  const { summary } = await run(context, configuration, { resume: true });
  assert.equal(summary.steps, 8);
  const whole = digitFiles();
  await run(localContext(whole), configuration);
  assert.deepEqual(await checkpointBytes(files, 'out', 8), await checkpointBytes(whole, 'out', 8));
});

test('a damaged checkpoint is left out for the one before, with a warning', async () => {
  const files = digitFiles();
  const configuration = tinyConfiguration({ stop: { steps: 8 }, checkpoint: { every: { steps: 4 } } });
  await run(localContext(files), configuration);
  const expected = await checkpointBytes(files, 'out', 8);
  await files.truncate('out/checkpoints/step-8/optimizer.safetensors', 100);
  const { events } = await run(localContext(files), configuration, { resume: true });
  assert.match(ofKind(events, 'warning')[0]?.message ?? '', /checkpoint 8 is damaged and was skipped/);
  assert.deepEqual(await checkpointBytes(files, 'out', 8), expected);
});

test('a directory that holds a run is not trained over', async () => {
  const files = digitFiles();
  const configuration = tinyConfiguration({ stop: { steps: 2 } });
  await run(localContext(files), configuration);
  await assert.rejects(
    run(localContext(files), configuration),
    /out: a directory that already contains a run.*--resume, or choose another --out/,
  );
  await assert.rejects(run(localContext(files), configuration, { out: 'other', resume: true }), /other: no such directory/);
});

test('a run is trained by one at a time, and free again when that one ended, failed or was interrupted', async () => {
  const files = digitFiles();
  const context = localContext(files);
  const configuration = tinyConfiguration({ stop: { steps: 3 } });
  const refusals: unknown[] = [];
  /** Asks for the directory at every event from the first to the last. */
  const contended = async (request: Partial<TrainRequest>, during: TrainingContext = context) => {
    const others: Promise<unknown>[] = [];
    const kinds: string[] = [];
    const onEvent = (event: TrainingEvent) => {
      request.onEvent?.(event);
      kinds.push(event.kind);
      others.push(run(context, configuration, { resume: request.resume }).catch((error: unknown) => refusals.push(error)));
    };
    const ended = await run(during, configuration, { ...request, onEvent }).then(
      ({ summary }) => summary.reason,
      (error: Error) => error.message,
    );
    await Promise.all(others);
    assert.deepEqual(
      (await files.list('out')).filter((name) => name.endsWith('.lock')),
      [],
    );
    return [ended, kinds.length > 3];
  };
  const controller = new AbortController();
  const onEvent = ({ kind }: TrainingEvent) => kind === 'update' && controller.abort();
  assert.deepEqual(await contended({ signal: controller.signal, onEvent }), ['interrupted', true]);
  const failing = changed(context, () => ({ update: () => Promise.reject(new Error('a device is lost')) }));
  assert.deepEqual(await contended({ resume: true }, failing), ['a device is lost', true]);
  assert.deepEqual(await contended({ resume: true }), ['steps', true]);
  assert.deepEqual(await files.list('/'), ['data', 'out']);
  for (const error of refusals) {
    assert.match(String(error), /out: (already in use by a training \(this process since|a directory that already contains a run)/);
  }
});

test('a corpus that is not there, or a model that does not fit, is told before anything is made', async () => {
  const files = digitFiles();
  await files.remove('data/dev.tsv');
  await assert.rejects(run(localContext(files), tinyConfiguration()), /data\/dev\.tsv: no such file/);
  assert.deepEqual(await files.list('/'), ['data']);
});

test('a finished run resumes only when more is asked of it; what would make it another run is refused by name', async () => {
  const files = digitFiles();
  const context = localContext(files);
  await run(context, tinyConfiguration({ stop: { steps: 4 } }));
  const again = await run(context, tinyConfiguration({ stop: { steps: 4 } }), { resume: true });
  assert.deepEqual([ofKind(again.events, 'update').length, again.summary.steps], [0, 4]);
  const more = await run(context, tinyConfiguration({ stop: { steps: 6 }, validate: { patience: 3 }, report: { every: { steps: 1 } } }), {
    resume: true,
  });
  assert.equal(more.summary.steps, 6);
  assert.match(await (await Run.open(files, 'out')).configuration(), /steps: 6/);
  const other = tinyConfiguration(
    { stop: { steps: 9 }, seed: 7, batch: { tokens: 100 } },
    { model: { hidden: 16, embedding: 8, initialRange: 0.894 } },
  );
  await assert.rejects(
    run(context, other, { resume: true }),
    /out, resuming: model\.hidden 16 \(was 8\), training\.batch\.sentences not set \(was 16\), training\.seed 7 \(was 1\), training\.batch\.tokens 100 \(was not set\); expected changes only in/,
  );
});

test('another corpus or placement is refused on resume; the placement may be changed when told to', async () => {
  const files = digitFiles();
  const configuration = tinyConfiguration({ stop: { steps: 3 } });
  const more = tinyConfiguration({ stop: { steps: 5 } });
  await run(localContext(files), configuration);
  const elsewhere = changed(localContext(files), ({ placement }) => ({ placement: { ...placement, devices: 2, gemm: 'openblas' } }));
  await assert.rejects(
    run(elsewhere, more, { resume: true }),
    /out, resuming: devices 2 where the run began with 1, gemm openblas where the run began with webassembly; expected the same, .*--allow-different-placement/,
  );
  const { events, summary } = await run(elsewhere, more, { resume: true, allowDifferentPlacement: true });
  assert.match(ofKind(events, 'warning')[0]?.message ?? '', /results will not be bit-for-bit identical/);
  assert.equal(summary.steps, 5);
  const other = { ...more, data: { ...more.data, train: { tsv: 'data/dev.tsv' } } };
  await assert.rejects(
    run(elsewhere, other, { resume: true }),
    /out: a training corpus of 40 pairs; expected the 200 pairs that the run started with/,
  );
});

test('the precision of the products is pinned, for runs from before there was a choice as well', async () => {
  const files = digitFiles();
  const configuration = tinyConfiguration({ precision: 'bf16', stop: { steps: 3 } });
  const asked: string[] = [];
  const local = localContext(files);
  const context: TrainingContext = {
    ...local,
    openExecutor: (setup) => {
      asked.push(`${setup.precision} ${setup.placement?.precision}`);
      setup.warn('products are computed in f32');
      return local.openExecutor(setup);
    },
  };
  const { events } = await run(context, configuration);
  assert.deepEqual(
    ofKind(events, 'warning').map(({ message }) => message),
    ['products are computed in f32'],
  );
  const capable = changed(context, ({ placement }) => ({ placement: { ...placement, precision: 'bf16' } }));
  await assert.rejects(
    run(capable, configuration, { resume: true }),
    /out, resuming: precision bf16 where the run began with f32; expected the same/,
  );
  assert.deepEqual(asked, ['bf16 undefined', 'bf16 f32']);
  await assert.rejects(
    run(context, tinyConfiguration({ stop: { steps: 3 } }), { resume: true }),
    /training\.precision "f32" \(was "bf16"\); expected changes only in/,
  );

  const state = 'out/checkpoints/step-3/state.json';
  const saved = JSON.parse(await files.readText(state)) as { progress: { placement: Record<string, unknown> } };
  const { precision, ...older } = saved.progress.placement;
  assert.equal(precision, 'f32');
  assert.equal(parseProgress({ ...saved.progress, placement: older }, state).placement.precision, 'f32');
});

test('a run begins with the model and the tokenizers of another', async () => {
  const files = digitFiles();
  const begun = (await run(localContext(files), tinyConfiguration({ stop: { steps: 30 } }))).summary.best?.value ?? 0;
  const other = tinyConfiguration({ stop: { steps: 2 }, optimizer: { kind: 'sgd', learningRate: 1e-9 } });
  const context = changed(localContext(files), (executor) => ({
    update: async (batches, settings) => {
      if (settings.update === 2) throw new DecadeError('resource', { where: 'device', received: 'lost' });
      return executor.update(batches, settings);
    },
  }));
  const withCharacters = (given: ReturnType<typeof tinyConfiguration>) => ({
    ...given,
    tokenizer: { kind: 'character', size: 100, lowercase: false, minimumCount: 1, shared: true } as const,
  });
  const request = { out: 'tuned', init: 'out' };
  await assert.rejects(run(context, withCharacters(other), request), /lost/);
  assert.equal(await files.readText('tuned/source-tokenizer.json'), await files.readText('out/source-tokenizer.json'));
  await files.remove('out');
  const { summary } = await run(localContext(files), other, { out: 'tuned', init: 'out', resume: true });
  const tuned = summary.best?.value ?? 0;
  assert.ok(Math.abs(tuned / begun - 1) < 1e-5, `a perplexity of ${tuned}, where that of the model it began with is ${begun}`);
  const larger = { ...other, model: { ...other.model, hidden: 16, embedding: 16 } };
  await assert.rejects(
    run(localContext(files), larger, { out: 'larger', init: 'tuned' }),
    /tuned\/model\.safetensors: .* of shape .* where the model has/,
  );
  await assert.rejects(
    run(localContext(files), other, { out: 'x', init: 'nowhere' }),
    /nowhere: no such directory; expected a run directory/,
  );
});

test('the mean of the last checkpoints becomes the model when it is better, and only then', async () => {
  const training = { stop: { steps: 6 }, validate: { every: { steps: 6 } }, checkpoint: { every: { steps: 2 }, keep: 3, average: 3 } };
  for (const [afterAverage, kept] of [
    [2, true],
    [4, false],
  ] as const) {
    const files = digitFiles();
    const context = changed(localContext(files), () => {
      let validations = 0;
      return {
        evaluate: async () => ({
          negativeLogLikelihood: Math.log(validations++ < 3 ? 3 : afterAverage),
          targetTokens: 1,
          sourceTokens: 1,
          sentences: 1,
        }),
      };
    });
    const { summary, events } = await run(context, tinyConfiguration(training));
    assert.deepEqual(
      ofKind(events, 'average').map(({ steps, kept }) => ({ steps, kept })),
      [{ steps: [2, 4, 6], kept }],
    );
    assert.deepEqual(summary.averaged, kept ? [2, 4, 6] : undefined);
    const model = await SafetensorsFile.open(files, 'out/model.safetensors');
    assert.equal(model.metadata.averaged, kept ? '2 4 6' : undefined);
    const sums = await Promise.all([2, 4, 6].map((step) => firstValue(files, `out/checkpoints/step-${step}/model.safetensors`)));
    const expected = kept ? Math.fround(sums.reduce((sum, value) => sum + value, 0) / 3) : sums[2];
    assert.equal(await firstValue(files, 'out/model.safetensors'), expected);
    await model.close();
  }
});

async function firstValue(files: Files, path: string): Promise<number> {
  const file = await SafetensorsFile.open(files, path);
  const value = new Float32Array(1);
  await file.read('output.weight', 0, value);
  await file.close();
  return value[0] ?? 0;
}

test('a signal that comes during a validation is obeyed at once, and the validation made good on resume', async () => {
  for (const stopAt of [3, 6, 9]) {
    const training = { stop: { steps: 9 }, validate: { every: { steps: 3 } }, checkpoint: { every: { steps: 4 }, average: 2 } };
    const files = digitFiles();
    const controller = new AbortController();
    const { summary, events } = await run(localContext(files), tinyConfiguration(training), {
      signal: controller.signal,
      onEvent: (event) => {
        if (event.kind === 'validating' && event.step === stopAt) controller.abort();
      },
    });
    assert.deepEqual([summary.interrupted, summary.steps, ofKind(events, 'validation').length], [true, stopAt, stopAt / 3 - 1]);
    const resumed = await run(localContext(files), tinyConfiguration(training), { resume: true });
    assert.equal(ofKind(resumed.events, 'validation')[0]?.step, stopAt);
    const whole = digitFiles();
    const uninterrupted = await run(localContext(whole), tinyConfiguration(training));
    assert.deepEqual(resumed.summary.best, uninterrupted.summary.best);
    assert.deepEqual(await checkpointBytes(files, 'out', 9), await checkpointBytes(whole, 'out', 9));
    assert.deepEqual(await metricsOf(files, 'out'), await metricsOf(whole, 'out'));
  }
});

test('a validation that fails loses no updates: they are saved first, and it is made good on resume', async () => {
  const training = { stop: { steps: 9 }, validate: { every: { steps: 6 } }, checkpoint: { every: { steps: 9 } } };
  const files = digitFiles();
  const failing = changed(localContext(files), () => ({
    evaluate: () => Promise.reject(new DecadeError('resource', { where: 'memory', received: 'too much' })),
  }));
  await assert.rejects(run(failing, tinyConfiguration(training)), /memory: too much/);
  assert.deepEqual(await (await Run.open(files, 'out')).checkpoints.steps(), [0, 6]);
  const resumed = await run(localContext(files), tinyConfiguration(training), { resume: true });
  assert.equal(ofKind(resumed.events, 'validation')[0]?.step, 6);
  const whole = digitFiles();
  await run(localContext(whole), tinyConfiguration(training));
  assert.deepEqual(await checkpointBytes(files, 'out', 9), await checkpointBytes(whole, 'out', 9));
});

/** A context in which validations find these perplexities, one after the other. */
function judging(files: Files, perplexities: readonly number[]): TrainingContext {
  let validations = 0;
  return changed(localContext(files), () => ({
    evaluate: async () => ({
      negativeLogLikelihood: Math.log(perplexities[validations++] ?? 9),
      targetTokens: 1,
      sourceTokens: 1,
      sentences: 1,
    }),
  }));
}

test('a run that goes on past a kept average replaces it only by a better model', async () => {
  const training = { batch: { sentences: 200 }, validate: { every: { steps: 2 } }, checkpoint: { every: { steps: 2 }, average: 2 } };
  const files = digitFiles();
  const context = judging(files, [5, 4, 2, 3]);
  const first = await run(context, tinyConfiguration({ ...training, stop: { steps: 4 } }));
  assert.deepEqual(first.summary.averaged, [2, 4]);
  const second = await run(context, tinyConfiguration({ ...training, stop: { steps: 6 } }), { resume: true });
  assert.equal(second.summary.best?.value, Math.exp(Math.log(2)));
  assert.equal((await (await Run.open(files, 'out')).modelMetadata())?.averaged, '2 4');
});

test('on another dev corpus an average that was kept is compared by what it is there', async () => {
  const training = { batch: { sentences: 200 }, validate: { every: { steps: 2 } }, checkpoint: { every: { steps: 2 }, average: 2 } };
  const files = memoryFiles({
    'data/train.tsv': digitPairs(200, 1),
    'data/dev.tsv': digitPairs(40, 2),
    'data/other.tsv': digitPairs(30, 5),
  });
  // The average has 2, and 6 on the other corpus, where the next model has 3 and the next average 9.
  const context = judging(files, [5, 4, 2, 6, 3, 9]);
  await run(context, tinyConfiguration({ ...training, stop: { steps: 4 } }));
  const { data, ...others } = tinyConfiguration({ ...training, stop: { steps: 6 } });
  const elsewhere = configurationOf({ ...others, data: { ...data, dev: { tsv: 'data/other.tsv' } } });
  const { summary, events } = await run(context, elsewhere, { resume: true });
  assert.match(
    ofKind(events, 'warning')
      .map(({ message }) => message)
      .join(),
    /of update 4, has perplexity 6\.000 on it \(2\.000 before\)/,
  );
  assert.equal(summary.best?.step, 6);
  assert.equal((await (await Run.open(files, 'out')).modelMetadata())?.averaged, undefined);
});
