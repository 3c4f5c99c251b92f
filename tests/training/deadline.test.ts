import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeToCome } from '../../src/cli/save-before.js';
import { contentHash } from '../../src/data/content-hash.js';
import { Deadline } from '../../src/training/deadline.js';
import { train } from '../../src/training/train.js';
import { digitFiles, localContext, tinyConfiguration } from './tiny-run.js';

test('a training ends with a checkpoint before its time, and resumes to the same bits as one that was not stopped', async (context) => {
  context.mock.timers.enable({ apis: ['Date'] });
  const files = digitFiles();
  const first = await train(localContext(files), tinyConfiguration({ stop: { steps: 20 } }), {
    out: 'run',
    saveBefore: new Date(100_000),
    onEvent: (event) => {
      if (event.kind === 'update' && event.steps === 6) context.mock.timers.setTime(99_500);
    },
  });
  assert.deepEqual([first.reason, first.interrupted, first.steps], ['time', true, 7]);
  const resumed = await train(localContext(files), tinyConfiguration({ stop: { steps: 20 } }), { out: 'run', resume: true });
  assert.deepEqual([resumed.reason, resumed.steps], ['steps', 20]);
  await train(localContext(files), tinyConfiguration({ stop: { steps: 20 } }), { out: 'whole' });
  const model = (run: string) => contentHash(files.stream(`${run}/model.safetensors`));
  assert.equal(await model('run'), await model('whole'));
});

test('the longer checkpoints take, the earlier it is time; another signal is no time that has come', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const controller = new AbortController();
  const deadlines = [0, 10_000, 20_000].map((milliseconds) => {
    const deadline = new Deadline(new Date(60_000), controller.signal);
    deadline.note('checkpoint', milliseconds);
    return deadline;
  });
  const come = () => deadlines.map(({ hasCome }) => hasCome);
  context.mock.timers.tick(18_000);
  assert.deepEqual(come(), [false, false, false]);
  context.mock.timers.tick(10_000);
  assert.deepEqual(come(), [false, false, true]);
  context.mock.timers.tick(15_000);
  assert.deepEqual(come(), [false, true, true]);
  controller.abort(new Error('stop'));
  assert.ok(deadlines[0]?.signal.aborted);
  context.mock.timers.tick(60_000);
  assert.deepEqual(come(), [false, true, true]);
});

test('times to come are durations, times of day, and dates', () => {
  const now = new Date(2026, 10, 29, 22, 30);
  assert.equal(timeToCome('23h50m', now).getTime() - now.getTime(), (23 * 60 + 50) * 60_000);
  assert.equal(timeToCome('1d30s', now).getTime() - now.getTime(), 86_430_000);
  assert.deepEqual(timeToCome('23:55', now), new Date(2026, 10, 29, 23, 55));
  assert.deepEqual(timeToCome('7:05', now), new Date(2026, 10, 30, 7, 5));
  assert.deepEqual(timeToCome('2026-12-31T23:55', now), new Date(2026, 11, 31, 23, 55));
  for (const wrong of ['', '0m', '24:00', 'soon', '2026-12-31', '2020-01-01T00:00', '1h 5m']) {
    assert.throws(() => timeToCome(wrong, now), /expected/, wrong);
  }
});
