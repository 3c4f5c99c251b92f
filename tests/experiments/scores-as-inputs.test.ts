import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { memoryFiles } from '../../src/core/memory-files.js';
import { embeddedBase, varied } from '../../src/experiments/base.js';
import { Laboratory } from '../../src/experiments/laboratory.js';
import { list, score, train, transform } from '../../src/experiments/steps.js';
import { keptThreads } from '../parallel/kept-threads.js';

test('what models make of a list is an input like any other: each hypothesis with its figures', async () => {
  const runtime = { ...keptThreads, files: memoryFiles(), sharedMemory: false };
  const laboratory = new Laboratory(runtime, { out: 'out', devices: 1, gemm: 'webassembly' });
  const { configuration } = embeddedBase('digits:copy:2-4', 'tiny');
  const { schedule: _, ...training } = configuration.training;
  const model = train(varied(configuration, { training: { ...training, schedule: { kind: 'constant' }, stop: { steps: 2 } } }));
  const sentences = { name: 'test', sources: ['1 2', '3'], references: ['1 2', '3'] };
  const scored = score([model], list(model, sentences, 3));
  const likeliest = transform({
    name: 'likeliest hypotheses',
    version: 1,
    inputs: [scored],
    schema: z.array(z.object({ text: z.string(), model: z.number() })),
    make: ([listed]) => listed.map(({ hypotheses }) => hypotheses.reduce((one, other) => (other.model > one.model ? other : one))),
  });
  await assert.rejects(laboratory.result(scored), /not done/);
  for (const step of await laboratory.addresses.inOrder([likeliest])) await laboratory.perform(step);
  const made = await laboratory.result(likeliest);
  assert.equal(made.length, 2);
  assert.ok(made.every(({ model, ...rest }) => Number.isFinite(model) && Object.keys(rest).join() === 'text'));
  // Its own model gives each hypothesis the figure that the list has of it.
  for (const { hypotheses } of await laboratory.result(scored)) {
    for (const { own, model } of hypotheses) assert.ok(Math.abs(own - model) < 1e-3, `${own} and ${model}`);
  }
});
