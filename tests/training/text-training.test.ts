import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { DecadeError } from '../../src/core/errors.js';
import type { Files } from '../../src/core/files.js';
import { memoryFiles } from '../../src/core/memory-files.js';
import { randomKey, uniformInteger } from '../../src/core/random.js';
import { openCorpus } from '../../src/data/corpus.js';
import { readPassages } from '../../src/data/documents.js';
import { filterOptions } from '../../src/data/filter.js';
import { load } from '../../src/load.js';
import type { LoadedModel } from '../../src/loaded-model.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { type Configuration, configurationOf, type ConfigurationInput } from '../../src/training/configuration.js';
import type { TrainingEvent } from '../../src/training/events.js';
import { requireSameCorpus } from '../../src/training/progress.js';
import { train } from '../../src/training/train.js';
import { trainTokenizer } from '../../src/text/train-tokenizer.js';
import { localContext } from './tiny-run.js';

/** Paragraphs of small words, line ends among them. */
function story(paragraphs: number, seed: number): string {
  const words = ['the', 'dog', 'runs', 'on', 'a', 'beach', 'and', 'sleeps', 'Nobody', 'comes.'];
  const key = randomKey(seed, 'corpus');
  const word = (index: number) => words[uniformInteger(key, index, words.length)] ?? '';
  return Array.from({ length: paragraphs }, (_, paragraph) => {
    const count = 4 + (paragraph % 9);
    return `${Array.from({ length: count }, (_value, index) => word(20 * paragraph + index)).join(paragraph % 3 === 0 ? '\n' : ' ')}\n`;
  }).join('\n');
}

const textFiles = (): Files => memoryFiles({ 'train.txt': story(120, 1), 'more.txt': story(30, 2), 'dev.txt': story(30, 3) });

function textConfiguration(
  changes: {
    data?: object;
    training?: ConfigurationInput['training'];
    model?: object;
    network?: object | undefined;
    tokenizer?: object;
  } = {},
): Configuration {
  return configurationOf({
    version: 1,
    data: { train: { text: ['train.txt', 'more.txt'] }, dev: { text: ['dev.txt'] }, context: 16, ...changes.data },
    tokenizer: { kind: 'character', ...changes.tokenizer } as ConfigurationInput['tokenizer'] & object,
    model: (changes.network ?? { kind: 'lstm', layers: 1, hidden: 12, dropout: 0.1, ...changes.model }) as ConfigurationInput['model'],
    training: {
      optimizer: { kind: 'adam', learningRate: 0.02 },
      batch: { sentences: 8 },
      stop: { steps: 30 },
      validate: { every: { steps: 10 } },
      checkpoint: { every: { steps: 10 } },
      ...changes.training,
    },
  });
}

const metricsOf = async (files: Files, out: string) =>
  (await files.readText(`${out}/metrics.jsonl`))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number | string>);

test('a run on packed text from when it was named by its packed bytes goes on', async () => {
  const packed = new Uint8Array(gzipSync(story(40, 1)));
  const files = memoryFiles({ 'plain.txt': story(40, 1), 'packed.gz': packed });
  const targetTokenizer = await trainTokenizer([], { kind: 'bytes' });
  const open = (name: string) =>
    openCorpus({
      files,
      source: { text: [name], documents: 'file' },
      targetTokenizer,
      filter: filterOptions.parse({}),
      contexts: { context: 16, across: false },
      cache: { files, directory: 'cache' },
    });
  const [ofPlain, ofPacked] = [await open('plain.txt'), await open('packed.gz')];
  const before = { pairs: ofPacked.pairs, lengths: await ofPacked.formerKey() };
  assert.equal(ofPacked.key, ofPlain.key);
  assert.notEqual(before.lengths, ofPacked.key);
  await requireSameCorpus(before, ofPacked, 'run');
  await assert.rejects(requireSameCorpus(before, ofPlain, 'run'), /different text/);
  for (const corpus of [ofPlain, ofPacked]) await corpus.close();
});

test('the text of dev has documents as that of train, unless it says otherwise', () => {
  const documentsOfDev = (dev: object) => {
    const { data } = textConfiguration({ data: { train: { text: ['train.txt'], documents: 'line' }, dev: { text: ['dev.txt'], ...dev } } });
    return data.dev !== undefined && 'documents' in data.dev && data.dev.documents;
  };
  assert.deepEqual([documentsOfDev({}), documentsOfDev({ documents: 'paragraph' })], ['line', 'paragraph']);
});

test('on another dev text a resumed run compares with what its best model is on that, and says so', async () => {
  const harder = Array.from({ length: 60 }, (_, index) => String.fromCodePoint(97 + ((7 * index) % 26))).join('');
  const files = memoryFiles({ 'train.txt': story(120, 1), 'more.txt': story(30, 2), 'dev.txt': story(30, 3), 'harder.txt': harder });
  const resume = async (dev: object, steps: number) => {
    const warnings: string[] = [];
    const onEvent = (event: TrainingEvent) => void (event.kind === 'warning' && warnings.push(event.message));
    const training = { stop: { steps }, validate: { every: { steps: 10 }, patience: 2 } };
    await train(localContext(files), textConfiguration({ data: { dev }, training }), { out: 'run', resume: steps > 10, onEvent });
    const last = (await metricsOf(files, 'run')).filter(({ kind }) => kind === 'validation').at(-1) as unknown as {
      readonly best: { readonly step: number; readonly value: number };
      readonly perplexity: number;
      readonly stalled: number;
    };
    return { warnings: warnings.join(), last };
  };
  const before = await resume({ text: ['dev.txt'] }, 10);
  assert.equal((await resume({ text: ['dev.txt'] }, 20)).warnings, '');
  const elsewhere = await resume({ text: ['harder.txt'] }, 30);
  assert.match(
    elsewhere.warnings,
    /data\.dev is not the corpus .*the best model, of update 20, has perplexity [\d.]+ on it \([\d.]+ before\)/,
  );
  const value = Number(/has perplexity ([\d.]+)/.exec(elsewhere.warnings)?.[1]);
  assert.ok(value > 1.5 * before.last.perplexity, `${value}: judged on the harder text`);
  const { best, perplexity, stalled } = elsewhere.last;
  assert.ok(
    perplexity < value ? best.step === 30 && stalled === 0 : best.step === 20 && Math.abs(best.value - value) < 0.01 && stalled === 1,
  );
  assert.match((await resume({ text: ['dev.txt'], documents: 'line' }, 40)).warnings, /data\.dev is not the corpus/);
});

test('a run goes on with the same text packed, and with no other', async () => {
  const text = story(120, 1);
  const files = memoryFiles({
    'train.txt': text,
    'packed.gz': new Uint8Array(gzipSync(text)),
    'more.txt': story(30, 2),
    'dev.txt': story(30, 3),
  });
  const configuration = (name: string, steps: number) =>
    textConfiguration({ data: { train: { text: [name] } }, training: { stop: { steps }, validate: undefined } });
  await train(localContext(files), configuration('train.txt', 2), { out: 'run' });
  const other = train(localContext(files), configuration('more.txt', 3), { out: 'run', resume: true });
  await assert.rejects(other, /a training corpus of 73 contexts/);
  const { steps } = await train(localContext(files), configuration('packed.gz', 3), { out: 'run', resume: true });
  assert.equal(steps, 3);
});

test('documents without a token count neither in validation nor in a score, which has an entry for each', async () => {
  const utf8 = (text: string) => new TextEncoder().encode(text);
  const dev = new Uint8Array([...utf8('the dog\n  \t \nNobody comes.\n'), 0xff, 0x0a, ...utf8('the beach\n')]);
  const files = memoryFiles({ 'train.txt': story(30, 1), 'dev.txt': dev });
  const data = { train: { text: ['train.txt'], documents: 'line' }, dev: { text: ['dev.txt'] } };
  const tokenizer = { kind: 'word' };
  const training = { stop: { steps: 1 }, validate: { every: { steps: 1 } }, checkpoint: undefined };
  await train(localContext(files), textConfiguration({ data, tokenizer, training }), { out: 'run' });
  const validated = (await metricsOf(files, 'run')).find(({ kind }) => kind === 'validation');
  const model = await load({ ...nodeRuntime, files, sharedMemory: false }, 'run', { gemm: 'webassembly' });
  const { documents, total, byPosition } = await model.scoreText(readPassages(files, { text: ['dev.txt'], documents: 'line' }));
  const { documents: blank } = await model.scoreText(['  ']);
  await model.dispose();
  assert.deepEqual(
    documents.map(({ tokens, bytes }) => [tokens, bytes]),
    [
      [3, 7],
      [1, 4],
      [4, 13],
      [1, 0],
      [3, 9],
    ],
  );
  assert.deepEqual([total.tokens, total.bytes, total.words, byPosition[0]?.tokens], [10, 29, 6, 3]);
  for (const figure of ['perplexity', 'wordPerplexity', 'bitsPerByte'] as const) {
    assert.ok(Math.abs(total[figure] / Number(validated?.[figure]) - 1) < 1e-5, `${figure}: ${total[figure]} ${validated?.[figure]}`);
  }
  assert.equal(blank.length, 1, 'by itself, too');
});

describe('a language model', () => {
  let files: Files;
  let runtime: Runtime;
  let model: LoadedModel;
  before(async () => {
    files = textFiles();
    await train(localContext(files), textConfiguration(), { out: 'run' });
    runtime = { ...nodeRuntime, files, sharedMemory: false };
    model = await load(runtime, 'run', { gemm: 'webassembly' });
  });
  after(() => model.dispose());

  test('learns from text, and says how well by token, word and byte', async () => {
    const validations = (await metricsOf(files, 'run')).filter(({ kind }) => kind === 'validation');
    assert.equal(validations.length, 3);
    const [first, last] = [validations[0], validations.at(-1)];
    assert.ok(Number(last?.perplexity) < Number(first?.perplexity));
    const { length: bytes } = await files.readBytes('dev.txt');
    const words = (await files.readText('dev.txt')).match(/\S+/g)?.length ?? 0;
    const nats = Math.log(Number(last?.perplexity)) * (bytes + 1);
    assert.ok(Math.abs(Number(last?.bitsPerByte) - nats / Math.LN2 / bytes) < 1e-9);
    assert.ok(Math.abs(Number(last?.wordPerplexity) / Math.exp(nats / (words + 1)) - 1) < 1e-9);
    assert.match(await files.readText('run/train.log'), /kept 2 of 2 documents: [\d,]+ bytes, [\d,]+ words in [\d,]+ contexts/);
    assert.match(await files.readText('run/train.log'), /\[valid\].*perplexity .*wordPerplexity .*bitsPerByte/);
  });

  test('is described without a source, and one tokenizer is all of its text', async () => {
    const { version, vocabularies, tokenizers, context } = JSON.parse(await files.readText('run/model.json'));
    assert.deepEqual([version, Object.keys(vocabularies), tokenizers, context], [2, ['target'], { target: 'tokenizer.json' }, 16]);
    assert.ok(!(await files.list('run')).some((name) => name.startsWith('source')));
  });

  test('scores text as its validation does, however it comes', async () => {
    const text = await files.readText('dev.txt');
    const best = Math.min(
      ...(await metricsOf(files, 'run')).flatMap(({ kind, perplexity }) => (kind === 'validation' ? [Number(perplexity)] : [])),
    );
    const { total } = await model.scoreText([text]);
    assert.ok(Math.abs(total.perplexity / best - 1) < 1e-5, `${total.perplexity} ${best}`);
    const content = new TextEncoder().encode(text);
    const cut = text.indexOf(' ', 90);
    const parts = [
      { bytes: content.subarray(0, cut), ends: false },
      { bytes: content.subarray(cut), ends: true },
    ];
    assert.deepEqual((await model.scoreText(parts)).documents, [total]);
    const several = await model.scoreText([text, '', 'the dog']);
    assert.equal(several.documents.length, 3);
    assert.ok(Math.abs((several.documents[0]?.logProbability ?? 0) - total.logProbability) < 1e-2);
    assert.equal(several.documents[1]?.tokens, 1, 'an empty document is </s>');
    const { documents, total: of } = await model.scoreText(['the dög', 'ö']);
    assert.deepEqual([documents.map(({ unknown }) => unknown), of.unknown], [[1, 1], 2]);
    const sum = several.documents.reduce((all, { tokens, logProbability }) => all + (tokens > 1 ? logProbability : 0), 0);
    assert.ok(Math.abs(several.total.logProbability - sum) < 1e-6);
  });

  test('a text that fits into half a context is scored as by reading it once', async () => {
    const { documents } = await model.scoreText(['the dog'], { context: 1_000 });
    const { documents: slid } = await model.scoreText(['the dog'], { context: 16 });
    assert.deepEqual(documents[0]?.logProbability, slid[0]?.logProbability);
  });

  test('tells on demand what each token costs, and what tokens cost by how much is before them', async () => {
    const text = await files.readText('dev.txt');
    const { documents, total, byPosition } = await model.scoreText([text, 'the dog'], { perToken: true });
    for (const [index, { perToken, tokens, logProbability }] of documents.entries()) {
      assert.ok(perToken !== undefined);
      assert.deepEqual([perToken.ids.length, perToken.logProbabilities.length], [tokens, tokens]);
      assert.ok(Math.abs(perToken.logProbabilities.reduce((sum, value) => sum + value, 0) - logProbability) < 1e-3);
      const written = perToken.ids.map((id) => new TextDecoder().decode(perToken.bytesOf(id))).join('');
      assert.equal(written, index === 0 ? text : 'the dog');
    }
    assert.equal(byPosition.length, 16, 'a context has so many');
    assert.ok(byPosition.reduce((sum, { tokens }) => sum + tokens, 0) > total.tokens, 'what is read to predict others counts, too');
    const beginning = await model.scoreText(['the']);
    assert.deepEqual(
      beginning.byPosition.map(({ tokens }) => tokens),
      [1, 1, 1, 1],
    );
  });

  test('warns once where its characters are not those of the dev text, whose bits per byte then mislead', async () => {
    const warnings: string[] = [];
    const onEvent = (event: TrainingEvent) => void (event.kind === 'warning' && warnings.push(event.message));
    await train(localContext(files), textConfiguration(), { out: 'all', onEvent });
    assert.deepEqual(warnings, []);
    const few = { tokenizer: { size: 8 }, training: { stop: { steps: 2 }, validate: { every: { steps: 1 } } } };
    await train(localContext(files), textConfiguration(few), { out: 'few', onEvent });
    assert.match(warnings.join('|'), /^dev\.txt: \d\d % of the tokens are <unk>, and no bits are counted[^|]+$/);
    const counted = textConfiguration({ ...few, training: {}, network: { kind: 'ngram', order: 2 } });
    await train(localContext(files), counted, { out: 'counted', onEvent });
    assert.equal(warnings.at(-1), warnings[0]);
  });

  test('refuses texts without a byte, which have no bits per byte', async () => {
    const isInput = (error: unknown) => error instanceof DecadeError && error.kind === 'input' && /without a byte/.test(error.message);
    await assert.rejects(model.scoreText(['', '']), isInput);
  });

  test('takes a list of texts, and a context of at least two tokens', async () => {
    await assert.rejects(model.scoreText('the dog'), /a single text; expected a list of texts/);
    await assert.rejects(model.scoreText(['the dog'], { context: 1 }), /scoreText options\.context: 1; expected a number of at least 2/);
    const refused = async (texts: unknown, options: unknown, message: RegExp) => {
      const isUsage = (error: unknown) => error instanceof DecadeError && error.kind === 'usage' && message.test(error.message);
      await assert.rejects(model.scoreText(texts as string[], options as { context?: number }), isUsage);
    };
    await refused([5], undefined, /^scoreText, text 1: 5; expected text, its bytes/);
    await refused(['the dog', null], undefined, /^scoreText, text 2: no value; expected text/);
    await refused([{ bytes: 'x' }], undefined, /^scoreText, text 1: \{ bytes: 'x' \}; expected text/);
    await refused([{ bytes: new Uint8Array(1) }], undefined, /^scoreText, text 1: /);
    const unended = { bytes: new TextEncoder().encode('dog'), ends: false };
    for (const texts of [['the', unended], [unended]]) {
      await refused(texts, undefined, new RegExp(`^scoreText, text ${texts.length}: ends: false; expected ends: true of the last`));
    }
    await refused(null, undefined, /^scoreText: no value; expected a list or a stream of text/);
    for (const options of [null, 5, []]) await refused(['the dog'], options, /^scoreText options: .*; expected a record of options/);
    await refused(['the dog'], { bogus: 1 }, /^scoreText options: unknown option "bogus"; expected context, perToken, signal, onProgress/);
    await refused(['the dog'], { signal: 5 }, /^scoreText options\.signal: 5; expected an AbortSignal/);
  });

  test('refuses what needs a source, and says what it does instead', async () => {
    const refused = (error: unknown) => error instanceof DecadeError && /language model, which has no source.*--text/.test(error.message);
    await assert.rejects(model.translate(['the dog']), refused);
    await assert.rejects(model.score([{ source: 'a', target: 'b' }]), refused);
    await assert.rejects(model.sentenceVectors(['a']), refused);
    assert.throws(() => model.translateStream(['a']), refused);
    assert.equal(model.hasSentenceVectors, false);
  });

  const transformer = { kind: 'transformer', decoderLayers: 1, width: 16, heads: 2, dropout: 0.1 };
  for (const [name, across, network] of [
    ['an LSTM', false, undefined],
    ['an LSTM, contexts across documents', true, undefined],
    ['a Transformer', false, transformer],
  ] as const) {
    test(`stopped and resumed, ${name} ends with the same bits`, async () => {
      const data = { train: { text: ['train.txt', 'more.txt'], documents: 'paragraph' as const }, across };
      const configuration = textConfiguration({ data, network });
      const straight = textFiles();
      await train(localContext(straight), configuration, { out: 'run' });
      const stopped = textFiles();
      for (const steps of [7, 18, Number.POSITIVE_INFINITY]) {
        const controller = new AbortController();
        await train(localContext(stopped), configuration, {
          out: 'run',
          resume: steps !== 7,
          signal: controller.signal,
          onEvent: (event) => event.kind === 'update' && event.steps === steps && controller.abort(),
        });
      }
      const last = 'run/checkpoints/step-30/';
      for (const name of ['run/model.safetensors', `${last}model.safetensors`, `${last}optimizer.safetensors`]) {
        assert.deepEqual(await stopped.readBytes(name), await straight.readBytes(name), name);
      }
    });
  }

  test('is not resumed on another text, though it is as long', async () => {
    const changed = textFiles();
    await train(localContext(changed), textConfiguration({ training: { stop: { steps: 2 } } }), { out: 'run' });
    const writer = await changed.create('train.txt');
    await writer.write(new TextEncoder().encode(story(120, 1).replace('dog', 'god')));
    await writer.close();
    const resumed = train(localContext(changed), textConfiguration({ training: { stop: { steps: 4 } } }), { out: 'run', resume: true });
    await assert.rejects(resumed, /different text/);
  });
});

for (const tokenizer of [{ kind: 'bytes' }, { kind: 'byte-bpe', size: 300 }]) {
  test(`tokens may be ${tokenizer.kind}`, async () => {
    const files = textFiles();
    const { best } = await train(localContext(files), textConfiguration({ tokenizer, training: { stop: { steps: 10 } } }), { out: 'run' });
    assert.ok((best?.value ?? Number.POSITIVE_INFINITY) < 256);
  });
}

describe('a configuration for text', () => {
  const refusal = (changes: Parameters<typeof textConfiguration>[0]) => {
    try {
      textConfiguration(changes);
    } catch (error) {
      return error instanceof DecadeError ? error.message : String(error);
    }
    return 'accepted';
  };

  test('validates by perplexity, on text', () => {
    assert.match(refusal({ training: { validate: { metrics: ['bleu'] } } }), /training\.validate\.metrics.*does not translate/);
    assert.match(refusal({ data: { dev: { tsv: 'a' } } }), /data\.dev.*text/);
    assert.match(refusal({ data: { train: { tsv: 'a' } } }), /data\.dev.*sentence pairs/);
  });

  test('keeps line ends: tokenizers that make one line of a document are for lines', () => {
    assert.match(refusal({ tokenizer: { kind: 'bpe' } }), /tokenizer\.kind.*bpe makes one line.*byte-bpe/);
    assert.equal(refusal({ tokenizer: { kind: 'bpe' }, data: { train: { text: ['a'], documents: 'line' } } }), 'accepted');
    assert.match(refusal({ tokenizer: { kind: 'character', verbatim: false } }), /tokenizer\.verbatim/);
    const { tokenizer } = textConfiguration();
    assert.equal(tokenizer.kind === 'character' && tokenizer.verbatim, true);
  });

  test('names each of several files from its own place, and gives the same when it is read again', () => {
    const configuration = configurationOf({ version: 1, data: { train: { text: ['a', '/b'] } }, tokenizer: { kind: 'bytes' } }, (path) =>
      path.startsWith('/') ? path : `/home/${path}`,
    );
    assert.deepEqual(configuration.data.train, { text: ['/home/a', '/b'], documents: 'file' });
    assert.deepEqual(configurationOf(configuration), configuration);
  });

  test('options of an encoder are refused before a corpus is read', async () => {
    const started = train(
      localContext(memoryFiles({ 'train.txt': 'a', 'more.txt': 'b', 'dev.txt': 'c' })),
      textConfiguration({ model: { attention: 'dot' } }),
      { out: 'run' },
    );
    await assert.rejects(started, /^DecadeError: model\.attention: dot, for a language model/);
  });

  test('a missing file is named before anything is made', async () => {
    const files = memoryFiles({ 'train.txt': 'a', 'dev.txt': 'b' });
    await assert.rejects(train(localContext(files), textConfiguration(), { out: 'run' }), /more\.txt/);
    assert.equal(await files.kind('run'), 'missing');
  });
});
