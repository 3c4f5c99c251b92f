import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import type { IdPair } from '../../src/data/batch.js';
import { LstmModel } from '../../src/models/lstm/lstm.js';
import { lstmOptions } from '../../src/models/lstm/options.js';
import { LocalExecutor } from '../../src/training/local-executor.js';
import { type OptimizerOptions, optimizerOptions, type UpdateRule } from '../../src/training/optimizer-options.js';
import { Replica } from '../../src/training/replica.js';
import { TouchedRows } from '../../src/tensor/touched-rows.js';
import { parametersOf } from '../training/collected.js';
import { openTestDevices } from '../tensor/devices.js';

/** Made by scripts/goldens/lstm-encoder-decoder.py with PyTorch in float64. */
interface Golden {
  pairs: [source: number[], target: number[]][];
  vocabularies: { source: number; target: number };
  variants: {
    [name: string]: {
      options: { [option: string]: unknown };
      logits: number[][];
      loss: number;
      gradients: { [parameter: string]: number[] };
      sgd: GoldenTraining;
      adam: GoldenTraining;
    };
  };
}
interface GoldenTraining {
  normalise: 'sentences' | 'words';
  clip: number;
  rate: number;
  losses: number[];
  norms: number[];
  parameters: { [name: string]: number[] };
}

const golden: Golden = JSON.parse(readFileSync('tests/models/lstm-goldens.json', 'utf8'));
const pairs: IdPair[] = golden.pairs.map(([source, target], key) => ({ source, target, key }));
const devices = await openTestDevices();
after(() => {
  for (const { device } of devices) device.matrix.dispose();
});

/** Norm of the difference over the norm of what was expected. */
function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, where: string): void {
  assert.equal(actual.length, expected.length, where);
  let difference = 0;
  let norm = 0;
  for (let index = 0; index < expected.length; index++) {
    difference += ((actual[index] as number) - (expected[index] as number)) ** 2;
    norm += (expected[index] as number) ** 2;
  }
  assert.ok(Math.sqrt(difference) <= 1e-4 * Math.sqrt(norm), `${where}: off by ${Math.sqrt(difference / norm)}`);
}

for (const { name: deviceName, device } of devices) {
  for (const [variant, expected] of Object.entries(golden.variants)) {
    const { smoothing = 0, ...options } = expected.options as { smoothing?: number };
    const fresh = () => {
      const model = new LstmModel(lstmOptions.parse({ kind: 'lstm', ...options }), golden.vocabularies);
      model.parameters.allocate(device.memory);
      for (const [place, name] of model.parameters.names.sort().entries()) {
        const parameter = model.parameters.get(name);
        parameter?.value.set(Array.from({ length: parameter.size }, (_, index) => 0.4 * Math.sin(1.7 * index + place)));
      }
      return model;
    };
    const rule = (kind: 'sgd' | 'adam', training: GoldenTraining): UpdateRule => ({
      optimizer: optimizerOptions.parse({
        kind,
        learningRate: training.rate,
        ...(kind === 'adam' ? { weightDecay: 0.01 } : {}),
      }) as OptimizerOptions,
      clip: { kind: 'norm', max: training.clip },
      // The goldens say words for tokens.
      normalise: training.normalise === 'sentences' ? 'sentences' : 'tokens',
      labelSmoothing: smoothing,
      consistency: 0,
      seed: 1,
    });

    describe(`PyTorch's ${variant} model on ${deviceName}`, () => {
      test('loss and every gradient', () => {
        const model = fresh();
        const replica = new Replica(device, model, rule('sgd', expected.sgd));
        const { loss } = replica.accumulate(pairs, { update: 1, gradientScale: 1 / pairs.length });
        assertClose([loss / pairs.length], [expected.loss], 'loss');
        const names: string[] = [];
        for (const { parameter, gradient } of replica.gradients) {
          names.push(parameter.name);
          let values = gradient instanceof TouchedRows ? new Float32Array(parameter.size) : gradient.f32;
          if (gradient instanceof TouchedRows) {
            values = new Float32Array(parameter.size);
            for (const [slot, id] of gradient.touched.i32.entries())
              values.set(gradient.table.rows(slot, slot + 1).f32, id * gradient.columns);
          }
          assertClose(values, expected.gradients[parameter.name] ?? [], parameter.name);
        }
        assert.deepEqual(names.sort(), Object.keys(expected.gradients).sort());
        replica.dispose();
        model.parameters.dispose();
      });

      test('logits, step by step as in decoding', () => {
        const model = fresh();
        for (const [index, [source, target]] of golden.pairs.entries()) {
          const session = model.decode(device, [source]);
          const logits = [1, ...target].flatMap((id) => {
            const { logits: unbiased, bias } = session.step(Int32Array.of(id));
            return Array.from(unbiased.f32, (value, column) => value + (bias?.f32[column] ?? 0));
          });
          assertClose(logits, expected.logits[index] ?? [], `logits of pair ${index}`);
          session.dispose();
        }
        model.parameters.dispose();
      });

      for (const kind of ['sgd', 'adam'] as const) {
        test(`ten steps of ${kind}`, async () => {
          const training = expected[kind];
          const model = fresh();
          const executor = new LocalExecutor(device, model, rule(kind, training));
          for (let update = 1; update <= 10; update++) {
            const result = await executor.update([pairs.slice(0, 2), pairs.slice(2)], { update, learningRate: training.rate });
            const count = training.normalise === 'sentences' ? result.sentences : result.targetTokens;
            assertClose([result.loss / count], [training.losses[update - 1] as number], `loss of step ${update}`);
            assertClose([result.gradientNorm], [training.norms[update - 1] as number], `gradient norm of step ${update}`);
          }
          const parameters = await parametersOf(executor);
          for (const [name, values] of Object.entries(training.parameters)) {
            assertClose(parameters.get(name) ?? [], values, name);
          }
          await executor.dispose();
          model.parameters.dispose();
        });
      }
    });
  }
}
