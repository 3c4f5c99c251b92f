import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowRelaxedSimd } from '../../src/node/open-kernels.js';
import { hasRelaxedSimd } from '../../src/tensor/kernels/relaxed-simd.js';

// That a module means the same by its instructions here as elsewhere is what tests/tensor/kernels.test.ts shows.
test('every supported version of Node has relaxed SIMD once it is allowed', () => {
  allowRelaxedSimd();
  assert.equal(hasRelaxedSimd(), true);
});
