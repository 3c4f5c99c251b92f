import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { withServer } from '../packed/web-server.js';
import { copyTinyRun, decade, temporaryDirectory } from './decade.js';

const directory = temporaryDirectory();
const run = join(directory, 'run');
const input = 'three weeks ago\n5 kilometers\n';
const call = { directory, input };

before(async () => {
  await copyTinyRun(run);
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('pack makes a file that commands take in the place of the run, and unpack the run again', async () => {
  writeFileSync(join(directory, 'card.md'), 'Dates.\n');
  const packed = await decade(['pack', 'run', '-o', 'model.decade', '--card', 'card.md', '--json'], call);
  assert.equal(packed.code, 0, packed.stderr);
  assert.match(JSON.parse(packed.stdout).hash, /^[0-9a-f]{64}$/);
  const [ofRun, ofFile] = [await decade(['translate', '-m', 'run'], call), await decade(['translate', '-m', 'model.decade'], call)];
  assert.deepEqual([ofFile.code, ofFile.stdout], [0, ofRun.stdout]);
  const report = await decade(['report', 'model.decade', '--beam', '1'], call);
  assert.equal(report.code, 0, report.stderr);
  assert.ok(existsSync(join(directory, 'report.html')));
  const unpacked = await decade(['unpack', 'model.decade', '-o', 'back'], call);
  assert.deepEqual([unpacked.code, unpacked.stdout], [0, 'back\n']);
  for (const name of readdirSync(join(directory, 'back'))) {
    if (name === 'README.md') assert.equal(readFileSync(join(directory, 'back', name), 'utf8'), 'Dates.\n');
    else assert.deepEqual(readFileSync(join(directory, 'back', name)), readFileSync(join(run, name)), name);
  }
});

test('the directory in which the command runs is one to unpack into, and so is one behind a link', async () => {
  for (const name of ['here', 'behind']) mkdirSync(join(directory, name));
  symlinkSync('behind', join(directory, 'link'));
  const here = await decade(['unpack', '../model.decade', '-o', '.'], { directory: join(directory, 'here') });
  const link = await decade(['unpack', 'model.decade', '-o', 'link'], call);
  assert.deepEqual([here.code, link.code], [0, 0], here.stderr + link.stderr);
  for (const name of ['here', 'behind']) assert.deepEqual(readdirSync(join(directory, name)), readdirSync(join(directory, 'back')));
});

test('a URL is as good as a file', async () => {
  const ofFile = await decade(['translate', '-m', 'model.decade'], call);
  const bytes = readFileSync(join(directory, 'model.decade'));
  await withServer(
    (_, response) => response.end(bytes),
    async (url) => assert.deepEqual(await decade(['translate', '-m', url], call), ofFile),
  );
});

test('an output is neither an input nor half a file', async () => {
  const before = readFileSync(join(directory, 'model.decade'));
  const onItself = await decade(['pack', 'model.decade', '-o', 'model.decade', '--precision', 'int8'], call);
  assert.deepEqual(
    [onItself.code, onItself.stderr],
    [
      2,
      'decade: model.decade: an output file that this command also reads; expected a different file. Write to a new file and rename it afterwards\n',
    ],
  );
  assert.deepEqual(readFileSync(join(directory, 'model.decade')), before);
  const ofNothing = await decade(['pack', 'nothing', '-o', 'other.decade'], call);
  assert.match(ofNothing.stderr, /^decade: nothing: no such directory/);
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith('other') || name.endsWith('.partial')),
    [],
  );
  const intoRun = await decade(['pack', 'run', '-o', 'run/model.safetensors'], call);
  assert.match(intoRun.stderr, /a file that belongs to a run/);
});
