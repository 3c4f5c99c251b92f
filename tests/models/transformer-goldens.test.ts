import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import type { IdPair } from '../../src/data/batch.js';
import { transformerOptions } from '../../src/models/transformer/options.js';
import { TransformerModel } from '../../src/models/transformer/transformer.js';
import { LocalExecutor } from '../../src/training/local-executor.js';
import { optimizerOptions, type UpdateRule } from '../../src/training/optimizer-options.js';
import { Replica } from '../../src/training/replica.js';
import { TouchedRows } from '../../src/tensor/touched-rows.js';
import { openTestDevices } from '../tensor/devices.js';

/** Made by scripts/goldens/transformer.py with PyTorch in float64. */
interface Golden {
  readonly pairs: readonly (readonly [source: number[], target: number[]])[];
  readonly vocabulary: number;
  readonly variants: { readonly [name: string]: Variant };
}
interface Variant {
  readonly options: { readonly source?: false; readonly smoothing?: number; readonly [option: string]: unknown };
  readonly logits: readonly number[][];
  readonly loss: number;
  readonly gradients: { readonly [parameter: string]: number[] };
  /** Losses before each of ten steps. */
  readonly adam: readonly number[];
}

const golden: Golden = JSON.parse(readFileSync('tests/models/transformer-goldens.json', 'utf8'));
const devices = await openTestDevices();
after(() => {
  for (const { device } of devices) device.matrix.dispose();
});

/** Each value to 1e-4 of the largest. */
function assertClose(actual: ArrayLike<number>, expected: readonly number[], where: string): void {
  assert.equal(actual.length, expected.length, where);
  const bound = 1e-4 * expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  for (const [index, value] of expected.entries()) {
    assert.ok(Math.abs((actual[index] as number) - value) <= bound, `${where}, ${index}: ${actual[index]} instead of ${value}`);
  }
}

for (const { name: deviceName, device } of devices) {
  for (const [variant, expected] of Object.entries(golden.variants)) {
    const { source: hasSource = true, smoothing = 0, ...options } = expected.options;
    const pairs = golden.pairs.map(([source, target], key): IdPair => ({ source: hasSource ? source : [], target, key }));
    const tokens = pairs.reduce((sum, { target }) => sum + target.length + 1, 0);
    const fresh = () => {
      const { vocabulary: target } = golden;
      const model = new TransformerModel(
        transformerOptions.parse({ kind: 'transformer', ...options }),
        hasSource ? { source: target, target } : { target },
      );
      model.parameters.allocate(device.memory);
      for (const [place, name] of model.parameters.names.sort().entries()) {
        const parameter = model.parameters.get(name);
        const middle = name.endsWith('.gain') ? 1 : 0;
        parameter?.value.set(Array.from({ length: parameter.size }, (_, index) => middle + 0.4 * Math.sin(1.7 * index + place)));
      }
      return model;
    };
    const rule: UpdateRule = {
      optimizer: optimizerOptions.parse({ kind: 'adam', learningRate: 0.01, weightDecay: 0.1 }),
      clip: { kind: 'norm', max: 1 },
      normalise: 'tokens',
      labelSmoothing: smoothing,
      consistency: 0,
      seed: 1,
    };

    describe(`PyTorch's Transformer, ${variant}, on ${deviceName}`, () => {
      test('loss and every gradient', () => {
        const model = fresh();
        const replica = new Replica(device, model, rule);
        const { loss } = replica.accumulate(pairs, { update: 1, gradientScale: 1 / tokens });
        assertClose([loss / tokens], [expected.loss], 'loss');
        const names: string[] = [];
        for (const { parameter, gradient } of replica.gradients) {
          names.push(parameter.name);
          const values = gradient instanceof TouchedRows ? new Float32Array(parameter.size) : gradient.f32;
          if (gradient instanceof TouchedRows) {
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
        for (const [index, { source, target }] of pairs.entries()) {
          const session = model.decode(device, [source]);
          const logits = [1, ...Array.from(target)].flatMap((id) => {
            const { logits: unbiased, bias } = session.step(Int32Array.of(id));
            return Array.from(unbiased.f32, (value, column) => value + (bias?.f32[column] ?? 0));
          });
          assertClose(logits, expected.logits[index] ?? [], `logits of pair ${index}`);
          session.dispose();
        }
        model.parameters.dispose();
      });

      test('ten steps of Adam', async () => {
        const model = fresh();
        const executor = new LocalExecutor(device, model, rule);
        for (const [step, loss] of expected.adam.entries()) {
          const result = await executor.update([pairs.slice(0, 2), pairs.slice(2)], { update: step + 1, learningRate: 0.01 });
          assertClose([result.loss / result.targetTokens], [loss], `loss of step ${step + 1}`);
        }
        await executor.dispose();
        model.parameters.dispose();
      });
    });
  }
}
