import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ParameterStore } from '../../src/nn/parameters.js';
import { Memory } from '../../src/tensor/memory.js';

describe('parameters carry their own rules', () => {
  const store = new ParameterStore();
  const source = store.section({ side: 'source', initial: { kind: 'uniform', range: 0.1 } });
  const target = store.section({ side: 'target', initial: { kind: 'normal', deviation: 2 } });
  const matrix = source.matrix('matrix', 60, 50);
  const table = target.declare('table', [100, 50], { gradient: 'rows' });
  const gain = target.declare('gain', [50], { initial: { kind: 'constant', value: 1 }, decay: false });
  store.allocate(new Memory({ shared: false }));

  test('each starts as its rule says, the same for a seed whatever stands beside it', () => {
    store.initialise(3);
    const values = Float32Array.from(matrix.value.f32);
    assert.ok(values.every((value) => value >= -0.1 && value < 0.1) && values.some((value) => Math.abs(value) > 0.09));
    const { f32 } = table.value;
    const deviation = Math.sqrt(f32.reduce((sum, value) => sum + value ** 2, 0) / f32.length);
    assert.ok(Math.abs(deviation - 2) < 0.1, String(deviation));
    assert.ok(gain.value.f32.every((value) => value === 1));

    const alone = new ParameterStore();
    const same = alone.section({ side: 'source', initial: { kind: 'uniform', range: 0.1 } }).matrix('matrix', 60, 50);
    alone.allocate(new Memory({ shared: false }));
    alone.initialise(3);
    assert.deepEqual(same.value.f32, values);
    alone.initialise(4);
    assert.notDeepEqual(same.value.f32, values);
  });

  test('a matrix costs a product for each token of its side; a table that is looked up and a vector cost nothing', () => {
    assert.deepEqual(store.costs, { source: 3_000, target: 0 });
    assert.deepEqual([table.rules.gradient, matrix.rules.decay, gain.rules.decay], ['rows', true, false]);
  });
});
