import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { importModel } from '../../src/foreign/import.js';
import { load } from '../../src/load.js';
import { nodeRuntime } from '../../src/node/runtime.js';

const folder = '../shared';
const skip = existsSync(folder) ? false : `${folder} is not here`;
const runs = mkdtempSync(join(tmpdir(), 'decade-imported-'));
after(() => rmSync(runs, { recursive: true }));

async function imported(name: string) {
  const out = join(runs, name.replaceAll('/', '-'));
  await importModel(nodeRuntime.files, `${folder}/${name}`, { out });
  return load(nodeRuntime, out, { devices: 1 });
}
const expectedOf = (name: string) => JSON.parse(readFileSync(`${folder}/${name}/expected.json`, 'utf8'));

for (const name of ['marian-opus', 'marian-separate']) {
  test(`translations of texts by ${name}`, { skip }, async () => {
    const expected = expectedOf(`goldens/hf/${name}`);
    await using model = await imported(`goldens/hf/${name}`);
    const { max_length: most } = expected.options;
    let compared = 0;
    for (const { text, hypotheses } of expected.translations) {
      // decade ends every translation; what was cut short there has another score. And an empty line has an empty translation.
      if (hypotheses.some(({ ids }: { ids: number[] }) => ids.length >= most) || text.trim() === '') continue;
      const [result] = await model.translate([text], { nbest: 4 });
      assert.deepEqual(
        result?.nbest.map((translation) => translation.text),
        hypotheses.map((hypothesis: { text: string }) => hypothesis.text),
        text,
      );
      for (const [place, { score }] of hypotheses.entries()) assert.ok(Math.abs((result?.nbest[place]?.score ?? NaN) - score) < 1e-4, text);
      compared++;
    }
    assert.ok(compared > 0, 'nothing was compared');
  });
}

test('stories that are written on from prompts', { skip }, async () => {
  await using model = await imported('data/models/stories260K/huggingface');
  for (const { prompt, text, ids, promptIds } of expectedOf('data/models/stories260K').continuations) {
    let written = prompt;
    for await (const piece of model.generate(prompt, { temperature: 0, maximumLength: ids.length - promptIds.length })) written += piece;
    assert.equal(written, text);
  }
});

test('texts of GPT-2 go on from a prompt alone', { skip }, async () => {
  await using model = await imported('goldens/hf/gpt2');
  for (const { text, continued } of expectedOf('goldens/hf/gpt2').greedyTexts) {
    // A text does not mean the token.
    if (text.includes('<|endoftext|>')) continue;
    let written = text;
    for await (const piece of model.generate(text, { temperature: 0, maximumLength: 40 })) written += piece;
    assert.equal(`${written}<|endoftext|>`, continued);
  }
});
