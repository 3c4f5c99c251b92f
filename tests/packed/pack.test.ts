import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { SafetensorsFile } from '../../src/checkpoint/safetensors.js';
import { type Files, joinPath } from '../../src/core/files.js';
import { decade } from '../../src/decade.js';
import { unpack } from '../../src/packed/unpack.js';
import type { Runtime } from '../../src/parallel/runtime.js';
import { tinyConfiguration } from '../training/tiny-run.js';
import { gemm, packed, trainedRuns } from './packed-run.js';

const lines = ['1 2 3', '4 5', '', '7 7 1 9'];
const pairs = [{ source: '1 2 3', target: '3 2 1' }];
let runtime: Runtime;
let library: ReturnType<typeof decade>;

before(async () => {
  runtime = await trainedRuns();
  library = decade(runtime);
});

const scoreOf = async (run: string | readonly string[]) =>
  (await library.score(run, pairs, { gemm })).map(({ logProbability }) => logProbability);

describe('a packed run', () => {
  test('translates and scores as the run, to the bit', async () => {
    await packed(runtime.files, 'one', { out: 'one.decade' });
    const [run, file] = [
      await library.translate('one', lines, { gemm, nbest: 3 }),
      await library.translate('one.decade', lines, { gemm, nbest: 3 }),
    ];
    assert.deepEqual(file, run);
    assert.deepEqual(await scoreOf('one.decade'), await scoreOf('one'));
    assert.deepEqual(await scoreOf('file:///one.decade'), await scoreOf('one'));
  });

  test('is unpacked to the files that it was packed from, byte for byte', async () => {
    const { files } = runtime;
    await packed(files, 'one', { out: 'again.decade', card: 'Reverses digits.\n', licence: 'MIT\n' });
    assert.deepEqual(await library.unpack('again.decade', { out: 'back' }), ['back']);
    await assert.rejects(library.unpack('again.decade', { out: 'back' }), (error: Error) => !error.message.includes('--resume'));
    for (const name of ['model.safetensors', 'model.json', 'config.yaml', 'source-words.txt', 'metrics.jsonl', 'source-tokenizer.json']) {
      if ((await files.kind(joinPath('one', name))) !== 'file') continue;
      assert.deepEqual(await files.readBytes(joinPath('back', name)), await files.readBytes(joinPath('one', name)), name);
    }
    assert.deepEqual([await files.readText('back/README.md'), await files.readText('back/LICENSE')], ['Reverses digits.\n', 'MIT\n']);
    assert.deepEqual(await scoreOf('back'), await scoreOf('one'));
    await assert.rejects(library.unpack('again.decade', { out: 'back' }), /back: a directory that .*contains/);
  });

  test('is unpacked into an empty directory, and refused before the work where a training has left something', async () => {
    const { files } = runtime;
    await packed(files, 'one', { out: 'again.decade' });
    await files.makeDirectory('empty');
    const kept: Files = {
      ...files,
      removeIfEmpty: async (path) => (path === 'empty' ? assert.fail('removed') : files.removeIfEmpty(path)),
    };
    assert.deepEqual(await unpack(kept, 'again.decade', { out: 'empty' }), ['empty']);
    assert.deepEqual(await scoreOf('empty'), await scoreOf('one'));
    assert.ok((await files.list('empty')).every((name) => !name.endsWith('.partial')));
    await files.makeDirectory('left');
    await (await files.create('left/training.lock')).close();
    const unread: Files = { ...files, open: async () => assert.fail('unpacked') };
    await assert.rejects(unpack(unread, 'again.decade', { out: 'left' }), /left: a directory that contains training\.lock; expected/);
  });

  test('is the same file however often it is packed, from itself too', async () => {
    const first = await packed(runtime.files, 'one', { out: 'first.decade' });
    const second = await packed(runtime.files, 'first.decade', { out: 'second.decade' });
    assert.deepEqual(second, first);
    assert.deepEqual(await runtime.files.readBytes('second.decade'), await runtime.files.readBytes('first.decade'));
  });

  test('is not written over a file of the run, nor over itself', async () => {
    const { files } = runtime;
    await packed(files, 'one', { out: 'itself.decade' });
    for (const [run, out] of [
      ['one', 'one/model.safetensors'],
      ['one', 'two/../one/model.json'],
      ['one', 'two/config.yaml'],
      ['itself.decade', './itself.decade'],
    ] as const) {
      const before = await files.readBytes(out);
      await assert.rejects(packed(files, run, { out, precision: 'int8' }), /a file that belongs to a run/);
      assert.deepEqual(await files.readBytes(out), before, out);
    }
    await packed(files, 'one', { out: 'one/one.decade' });
    await packed(files, 'one', { out: 'one/one.decade', precision: 'int8' });
  });

  test('is a safetensors file with the names of the parameters', async () => {
    await packed(runtime.files, 'one', { out: 'open.decade', precision: 'int8' });
    const [file, own] = [
      await SafetensorsFile.open(runtime.files, 'open.decade'),
      await SafetensorsFile.open(runtime.files, 'one/model.safetensors'),
    ];
    assert.equal(file.metadata.format, 'decade');
    for (const [name, shape] of own.shapes) {
      assert.deepEqual(file.tensors.get(name)?.shape, shape);
      assert.equal(file.tensors.get(name)?.dataType, shape.length === 2 ? 'I8' : 'F32');
    }
    // Every tensor is aligned, as some readers want it.
    for (const [name, { dataType, position }] of file.tensors) if (dataType === 'F32') assert.equal(position % 4, 0, name);
  });

  test('is reported and compared, and a training begins with it', async () => {
    await packed(runtime.files, 'one', { out: 'used.decade' });
    const testSet = { name: 'test', sources: ['1 2', '3 4 5'], references: [['2 1', '5 4 3']] };
    const { examination } = await library.report('used.decade', { testSet, gemm });
    assert.equal(examination.run, 'used.decade');
    assert.ok(examination.test?.scored !== undefined);
    const { comparison } = await library.compare(['used.decade', 'two'], { testSet, gemm });
    assert.deepEqual(
      comparison.systems.map(({ name }) => name),
      ['used.decade', 'two'],
    );
    await library.train(tinyConfiguration({ stop: { steps: 1 } }, { model: { hidden: 32, attention: 'dot' } }), {
      out: 'tuned',
      init: 'used.decade',
      gemm,
    });
    assert.equal(await runtime.files.kind('tuned/model.safetensors'), 'file');
  });
});

describe('precision', () => {
  for (const [precision, part, most] of [
    ['f16', 0.52, 1e-3],
    ['int8', 0.33, 0.05],
  ] as const) {
    test(`${precision} takes less and scores nearly the same`, async () => {
      const whole = await packed(runtime.files, 'one', { out: 'whole.decade' });
      const small = await packed(runtime.files, 'one', { out: `${precision}.decade`, precision });
      const weights = 4 * whole.parameters;
      const beside = whole.bytes - weights;
      assert.ok(small.bytes - beside < part * weights + 4_096, `${small.bytes - beside} of ${weights}`);
      const [[exact = 0], [near = 0]] = [await scoreOf('whole.decade'), await scoreOf(`${precision}.decade`)];
      assert.notEqual(near, exact);
      assert.ok(Math.abs(near - exact) < most, `${near} for ${exact}`);
    });
  }

  test('weights that are no numbers are refused by name', async () => {
    const { files } = runtime;
    await library.unpack('whole.decade', { out: 'broken' });
    const bytes = await files.readBytes('broken/model.safetensors');
    const file = await SafetensorsFile.open(files, 'broken/model.safetensors');
    const [matrix] = [...file.tensors].filter(([, { shape }]) => shape.length === 2);
    new DataView(bytes.buffer).setFloat32(matrix?.[1].position ?? 0, Number.NaN, true);
    const writer = await files.create('broken/model.safetensors');
    await writer.write(bytes);
    await writer.close();
    await assert.rejects(packed(files, 'broken', { out: 'no.decade', precision: 'int8' }), { kind: 'numeric', message: /a weight of NaN/ });
    assert.equal(await files.kind('no.decade'), 'missing');
  });
});

describe('a packed ensemble', () => {
  test('votes as its runs do, and has what they share once', async () => {
    const single = await packed(runtime.files, 'one', { out: 'single.decade' });
    const both = await packed(runtime.files, ['one', 'two'], { out: 'both.decade' });
    assert.deepEqual(await scoreOf('both.decade'), await scoreOf(['one', 'two']));
    assert.ok(both.bytes < 2 * single.bytes);
  });

  test('is unpacked to its runs', async () => {
    assert.deepEqual(await library.unpack('both.decade', { out: 'members' }), ['members/1', 'members/2']);
    const { files } = runtime;
    assert.deepEqual(await files.readBytes('members/2/model.safetensors'), await files.readBytes('two/model.safetensors'));
  });

  test('is no single run', async () => {
    await assert.rejects(
      library.report('both.decade'),
      /both\.decade: an ensemble of 2 models; expected a single model\. Take its runs apart/,
    );
  });
});
