// A program of its own, so that its memory is only its own: translates lines with a run, text to text, and prints one
// JSON object.
import { parseArgs } from 'node:util';
import { load } from '../../src/index.js';
import { median } from './comparison.js';
import { readLines } from './decoding-job.js';

const { values } = parseArgs({
  options: {
    run: { type: 'string', default: '' },
    input: { type: 'string', default: '' },
    sentences: { type: 'string', default: '1' },
    beam: { type: 'string', default: '1' },
    devices: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '0' },
  },
});
const lines = readLines(values.input, Number(values.sentences));
const model = await load(values.run, { beam: Number(values.beam), devices: Number(values.devices) });
// Devices start when there is enough to do, and functions are compiled when they have run for a while.
await model.translate(lines);
const times: number[] = [];
let translations: { readonly ids: Int32Array; readonly logProbability: number }[] = [];
for (const end = performance.now() + 1000 * Number(values.seconds); times.length === 0 || performance.now() < end; ) {
  const start = performance.now();
  translations = await model.translate(lines);
  times.push((performance.now() - start) / 1000);
}
await model.dispose();
const seconds = median(times);
const tokens = translations.reduce((sum, { ids }) => sum + ids.length + 1, 0);
console.log(
  JSON.stringify({
    seconds,
    sentencesPerSecond: lines.length / seconds,
    wordsPerSecond: tokens / seconds,
    peakRssMiB: process.resourceUsage().maxRSS / 1024,
    translations: translations.map(({ ids, logProbability }) => ({ ids: [...ids], logProbability })),
  }),
);
