import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import type { DecodingSession, StepOutput } from '../../src/models/model.js';
import { looksBack, modelVariants, randomModel, randomSources } from '../decoding/models.js';
import { openTestDevice } from '../tensor/devices.js';

const device = await openTestDevice();
after(() => device.matrix.dispose());

const sources = [[4, 5], [6, 7, 8, 9, 10], [3], [5, 4, 3]];
/** What the rows are given, ragged. */
const given = [[1, 5, 6], [1], [1, 7, 8, 9, 10, 11], [1, 4, 4]];

function assertNear(actual: ArrayLike<number> | undefined, expected: ArrayLike<number> | undefined, where: string): void {
  assert.equal(actual?.length, expected?.length, where);
  const far = Array.from(actual ?? []).findIndex((value, index) => Math.abs(value - (expected?.[index] ?? Number.NaN)) > 1e-5);
  assert.equal(far, -1, `${where}, value ${far}: ${actual?.[far]}, ${expected?.[far]}`);
}

function rowOf({ logits, bias }: StepOutput, row: number): number[] {
  return Array.from(logits.rows(row, row + 1).f32, (value, id) => value + (bias?.f32[id] ?? 0));
}

function logProbability(logits: readonly number[], id: number): number {
  return (logits[id] ?? 0) - Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
}

/** All that a session gives for one sentence, token by token. */
function stepByStep(session: DecodingSession, ids: readonly number[]) {
  return ids.map((id) => {
    const output = session.step(Int32Array.of(id));
    return { logits: rowOf(output, 0), attention: output.attention?.(0) };
  });
}

describe('tokens that are read at once give what they give one by one, whatever other rows read', () => {
  for (const variant of modelVariants) {
    test(JSON.stringify(variant), () => {
      const model = randomModel(device, variant);
      const session = model.decode(device, sources);
      assert.equal(session.rows, sources.length);
      const read = session.read(given);
      const alone = sources.map((source, row) => {
        const one = model.decode(device, [source]);
        // What follows is chosen by nobody: 6, then 7.
        const steps = stepByStep(one, [...(given[row] ?? []), 6, 7]);
        one.dispose();
        return steps;
      });
      for (const [row, steps] of alone.entries()) {
        const ids = given[row] ?? [];
        const last = steps[ids.length - 1];
        assertNear(rowOf(read, row), last?.logits, `logits of row ${row}`);
        assertNear(read.attention?.(row), last?.attention, `attention of row ${row}`);
        const tokens = read.given(row);
        const expected = ids.slice(1).map((id, step) => logProbability(steps[step]?.logits ?? [], id));
        assertNear(tokens.logProbabilities, expected, `log-probabilities of row ${row}`);
        assert.equal(tokens.attention === undefined, !looksBack(variant));
        tokens.attention?.forEach((weights, step) => {
          assertNear(weights, steps[step]?.attention, `attention of row ${row}, token ${step}`);
        });
      }
      // It goes on from there, rows repeated and left out.
      const chosen = [3, 0, 0, 2];
      session.select(Int32Array.from(chosen));
      for (const [more, id] of [6, 7].entries()) {
        const next = session.step(new Int32Array(chosen.length).fill(id));
        for (const [row, from] of chosen.entries()) {
          const expected = alone[from]?.[(given[from]?.length ?? 0) + more];
          assertNear(rowOf(next, row), expected?.logits, `logits of row ${row} after ${more + 1} more`);
          assertNear(next.attention?.(row), expected?.attention, `attention of row ${row} after ${more + 1} more`);
        }
      }
      session.dispose();
      model.parameters.dispose();
    });
  }
});

const sizes = ({ kind }: { readonly kind?: unknown }) =>
  kind === 'transformer' ? { width: 96, feedForward: 384 } : { hidden: 96, embedding: 96 };

test('a session holds what its model says, when it searches and when it reads prefixes', () => {
  const many = randomSources(100, 30);
  const sourceTokens = many.reduce((sum, { length }) => sum + length, 0);
  for (const variant of modelVariants) {
    const model = randomModel(device, { ...variant, ...sizes(variant) }, { vocabulary: 300, range: 0.1 });
    const { perGivenToken, perRow, perStep } = model.decodingMemory;
    for (const { beam, prefix } of [
      { beam: 5, prefix: 0 },
      { beam: 1, prefix: 25 },
    ]) {
      const before = device.memory.allocatedBytes;
      const session = model.decode(device, many);
      session.read(many.map(() => new Array<number>(1 + prefix).fill(4)));
      session.select(Int32Array.from({ length: many.length * beam }, (_, row) => Math.floor(row / beam)));
      for (let step = 0; step < 3; step++) {
        session.step(new Int32Array(session.rows).fill(4));
        session.select(Int32Array.from({ length: session.rows }, (_, row) => row - (row % 2)));
      }
      const held = device.memory.allocatedBytes - before;
      const said = perGivenToken * (sourceTokens + prefix * many.length) + (perRow + 3 * perStep) * many.length * beam;
      // An arena grows by half; a source token and one of a prefix are counted alike, at what the dearer of them takes.
      assert.ok(held <= 1.5 * said && held >= said / 3, `${JSON.stringify(variant)}, beam ${beam}: ${held} bytes, said ${said}`);
      session.dispose();
    }
    model.parameters.dispose();
  }
});

test('a session that cannot begin holds nothing', () => {
  for (const variant of modelVariants) {
    const model = randomModel(device, variant);
    const before = device.memory.allocatedBytes;
    assert.throws(() => model.decode(device, [[4, 5], [1_000_000]]), JSON.stringify(variant));
    assert.equal(device.memory.allocatedBytes, before, JSON.stringify(variant));
    model.parameters.dispose();
  }
});
