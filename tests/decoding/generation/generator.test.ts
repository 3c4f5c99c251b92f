import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { DecadeError } from '../../../src/core/errors.js';
import { FrozenDevice } from '../../../src/decoding/frozen-device.js';
import {
  type GenerateOptions,
  type GenerateStreamOptions,
  type GenerationProgress,
  type GenerationResult,
  type ReadPrompt,
  TextGenerator,
} from '../../../src/decoding/generation/generator.js';
import { LocalDecodingExecutor } from '../../../src/decoding/local-executor.js';
import { LoadedModel } from '../../../src/loaded-model.js';
import { LstmModel } from '../../../src/models/lstm/lstm.js';
import { lstmOptions } from '../../../src/models/lstm/options.js';
import type { StepModel } from '../../../src/models/model.js';
import { endId } from '../../../src/text/tokenizer.js';
import { trainTokenizer } from '../../../src/text/train-tokenizer.js';
import { openTestDevice } from '../../tensor/devices.js';
import { TableModel } from '../models.js';

const device = await openTestDevice();
const rhyme = 'one two buckle my shoe three four knock at the door';
const tokenizer = await trainTokenizer([rhyme], { kind: 'word', size: 15 });
const rhymeIds = tokenizer.encode(rhyme);

/** Writes the rhyme from wherever a text has got to, and ends after it. */
function reciter(): TableModel {
  return new TableModel(15, (_, target) => {
    const last = target.at(-1);
    const next = last === undefined ? rhymeIds[0] : rhymeIds[rhymeIds.indexOf(last) + 1];
    return Array.from({ length: 15 }, (_, id) => (id === (next ?? endId) ? 60 : 0));
  });
}

const vocabularies = { target: 15 };
const lstm = new LstmModel(lstmOptions.parse({ kind: 'lstm', layers: 2, hidden: 8, attention: 'none', initialRange: 0.9 }), vocabularies);
lstm.parameters.allocate(device.memory);
lstm.parameters.initialise(1);

function loaded(model: StepModel, promptRoom?: number): LoadedModel {
  const executor = new LocalDecodingExecutor([new FrozenDevice(device, model.parameters)], model, []);
  const generator = new TextGenerator(tokenizer, executor, executor, promptRoom);
  return new LoadedModel({ members: [], executor, local: executor, translator: undefined, generator, release: () => executor.dispose() });
}

async function written(model: LoadedModel, prompt: string, options?: GenerateOptions): Promise<string> {
  let text = '';
  for await (const piece of model.generate(prompt, options)) text += piece;
  return text;
}

async function continued(model: LoadedModel, prompts: readonly string[], options?: GenerateStreamOptions): Promise<GenerationResult[]> {
  const results: GenerationResult[] = [];
  for await (const result of model.generateStream(prompts, options)) results.push(result);
  return results;
}

const isUsage = (pattern: RegExp) => (error: unknown) =>
  error instanceof DecadeError && error.kind === 'usage' && pattern.test(error.message);
const prompts = ['one two', '', 'my shoe', 'three', 'knock at', 'four four'];

describe('generate', () => {
  test('gives what follows the prompt, token by token, and not the prompt', async () => {
    const model = loaded(reciter());
    const pieces: string[] = [];
    for await (const piece of model.generate('my shoe three')) pieces.push(piece);
    assert.deepEqual(pieces, [' four', ' knock', ' at', ' the', ' door']);
    assert.equal(await written(model, ''), rhyme);
    assert.equal(await written(model, 'the door'), '');
    assert.equal(await written(model, 'one', { maximumLength: 2 }), ' two buckle');
  });

  test('ends before a stop string, wherever in a token it begins and ends', async () => {
    const table = reciter();
    const model = loaded(table);
    assert.equal(await written(model, 'one', { stop: ['my'] }), ' two buckle ');
    assert.equal(await written(model, 'one', { stop: ['kle my s'] }), ' two buc');
    assert.equal(await written(model, 'one', { stop: ['nothing', 'e'] }), ' two buckl');
    table.stepRows.length = 0;
    assert.equal(await written(model, 'one', { stop: ['wo'] }), ' t');
    assert.equal(table.stepRows.length, 1, 'nothing is computed after the token that completes it');
    assert.equal(await written(model, 'one two', { stop: ['two'] }), rhyme.slice(7), 'the prompt is not looked at');
  });

  test('without a prompt ends before a stop string that begins with a space as decoding shows it', async () => {
    const model = loaded(reciter());
    assert.equal(await written(model, '', { stop: [' '] }), 'one');
    assert.equal(await written(model, '', { stop: [' one'] }), rhyme);
    const [result] = await continued(model, [''], { stop: [' '] });
    assert.deepEqual([result?.samples[0]?.text, result?.samples[0]?.ending, result?.samples[0]?.ids.length], ['one', 'stop', 2]);
  });

  test('computes no token before it is asked for, and ends when its reader leaves', async () => {
    const table = reciter();
    const model = loaded(table);
    const pieces = model.generate('');
    assert.equal(table.openSessions, 0);
    await pieces.next();
    await pieces.next();
    await sleep(20);
    assert.deepEqual([table.stepRows.length, table.openSessions], [2, 1]);
    await pieces.return();
    assert.equal(table.openSessions, 0);
    for await (const piece of model.generate('')) if (piece.includes('buckle')) break;
    assert.equal(table.openSessions, 0);
  });

  test('ends with its signal in the middle, by its reason, and the model goes on', async () => {
    const table = reciter();
    const model = loaded(table);
    const controller = new AbortController();
    const reason = new Error('enough');
    let text = '';
    await assert.rejects(
      async () => {
        for await (const piece of model.generate('', { signal: controller.signal })) {
          text += piece;
          if (piece === ' my') controller.abort(reason);
        }
      },
      (error) => error === reason,
    );
    assert.deepEqual([text, table.openSessions], ['one two buckle my', 0]);
    await assert.rejects(written(model, '', { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    assert.equal(await written(model, 'the'), ' door');
  });

  test('dispose ends a text that nobody reads on, and refuses the next', async () => {
    const table = reciter();
    const model = loaded(table);
    const pieces = model.generate('');
    await pieces.next();
    await model.dispose();
    assert.equal(table.openSessions, 0);
    await assert.rejects(pieces.next(), isUsage(/a call after dispose/));
    await assert.rejects(model.generate('').next(), isUsage(/a call after dispose/));
  });

  test('refuses options that are none, several samples, and what is no text', async () => {
    const model = loaded(reciter());
    const untyped = <Value>(value: unknown): Value => value as Value;
    await assert.rejects(written(model, '', untyped({ samples: 3 })), isUsage(/generate options\.samples.*generateStream/));
    await assert.rejects(
      written(model, '', untyped({ topp: 0.5 })),
      isUsage(/generation options: unknown option "topp".*Did you mean topP/),
    );
    await assert.rejects(written(model, '', untyped({ bogus: 1 })), isUsage(/expected .*readAhead, signal, onPrompt/));
    for (const options of [null, 5, []]) {
      await assert.rejects(written(model, 'one', untyped(options)), isUsage(/^generate options: .*; expected a record of options/));
      assert.throws(() => model.generateStream(['one'], untyped(options)), isUsage(/^generateStream options: .*; expected a record/));
    }
    await assert.rejects(written(model, '', untyped({ signal: 5 })), isUsage(/^generate options\.signal: 5; expected an AbortSignal/));
    await assert.rejects(written(model, '', untyped({ onPrompt: 5 })), isUsage(/^generate options\.onPrompt: 5; expected a function/));
    await assert.rejects(written(model, '', { topP: 2 }), isUsage(/generation options\.topP: 2/));
    await assert.rejects(written(model, '', { stop: [''] }), isUsage(/generation options\.stop/));
    await assert.rejects(written(model, untyped(5)), isUsage(/^prompt: 5; expected text/));
    await assert.rejects(continued(model, untyped(['a', 5])), isUsage(/^prompt 2: 5; expected text/));
    await assert.rejects(model.translate(['one']), isUsage(/^model: a language model/));
  });

  test('reads the end of a prompt that is too long, and says so', async () => {
    const read: ReadPrompt[] = [];
    const options = { maximumPromptLength: 2, onPrompt: (prompt: ReadPrompt) => read.push(prompt) };
    assert.equal(await written(loaded(reciter()), ' door door door at the ', options), ' door');
    assert.equal(read[0]?.text, 'door door door at the');
    assert.match(read[0]?.warning?.message ?? '', /prompt 1: 5 tokens; only the last 2 were read/);
  });

  test('reads no more of a prompt than leaves half of the positions for the text', async () => {
    const warnings: (string | undefined)[] = [];
    const onPrompt = ({ warning }: ReadPrompt) => warnings.push(warning?.message);
    assert.equal(await written(loaded(reciter(), 4), ' door door door at the ', { onPrompt }), ' door');
    assert.match(warnings[0] ?? '', /5 tokens; only the last 2 were read.*room/);
  });
});

describe('generateStream', () => {
  test('continues every prompt in its place, and says what ended each', async () => {
    const results = await continued(loaded(reciter()), ['at', '', 'two', 'the door'], { maximumLength: 4, stop: ['my'] });
    assert.deepEqual(
      results.map(({ line, prompt, samples }) => [line, prompt.text, samples[0]?.text, samples[0]?.ending]),
      [
        [1, 'at', ' the door', 'end'],
        [2, '', 'one two buckle ', 'stop'],
        [3, 'two', ' buckle ', 'stop'],
        [4, 'the door', '', 'end'],
      ],
    );
    const [[cut] = []] = (await continued(loaded(reciter()), ['one'], { maximumLength: 3 })).map(({ samples }) => samples);
    assert.deepEqual([cut?.text, cut?.ending, cut?.ids.length, cut?.tokenLogProbabilities.length], [' two buckle my', 'length', 3, 3]);
    assert.ok(Math.abs(cut?.logProbability ?? 1) < 1e-6);
  });

  test('draws the same for a prompt in any batch, as a single text too', async () => {
    const model = loaded(lstm);
    const options = { maximumLength: 12, topP: 0.95, seed: 3 };
    const expected = await continued(model, prompts, { ...options, samples: 3 });
    for (const batch of [{ sentences: 1 }, { sentences: 4 }]) {
      assert.deepEqual(textsOf(await continued(model, prompts, { ...options, samples: 3, batch })), textsOf(expected));
    }
    assert.deepEqual(textsOf(await continued(model, prompts, { ...options, samples: 3, readAhead: 2 })), textsOf(expected));
    assert.equal(await written(model, prompts[0] ?? '', options), expected[0]?.samples[0]?.text);
    assert.notDeepEqual(textsOf(await continued(model, prompts, { ...options, samples: 3, seed: 4 })), textsOf(expected));
    assert.equal(new Set(textsOf(expected).flat()).size > prompts.length, true, 'samples differ');
  });

  test('reports the progress of its batches', async () => {
    const reports: GenerationProgress[] = [];
    const onProgress = (progress: GenerationProgress) => reports.push(progress);
    await continued(loaded(reciter()), ['at', 'the'], { batch: { sentences: 1 }, samples: 2, onProgress });
    assert.deepEqual(reports.at(-1), { lines: 2, tokens: 2 * 3 + 2 * 2, search: undefined });
  });
});

function textsOf(results: readonly GenerationResult[]): string[][] {
  return results.map(({ samples }) => samples.map(({ text }) => text));
}
