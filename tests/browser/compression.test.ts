import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { browserName } from '../cli/browser.js';
import { compiledSource } from '../house/sources.js';
import { WebPage } from './web-page.js';

/*
 * Every engine writes the same code, and reads it: so each reads what any other wrote. Other versions of Node are named in
 * DECADE_NODES, as PATH names directories.
 */

const format = join(compiledSource, 'compression/format.js');
/** The body of a function that has what `format.js` exports: the code in hexadecimal, and whether it is read as it was written. */
const body = `
  const bytes = new TextEncoder().encode('the cat sat on the mat; the cat sat on the hat; '.repeat(12));
  const once = async function* (piece) { yield piece; };
  const whole = async (stream) => {
    const all = [];
    for await (const piece of stream) all.push(...piece);
    return Uint8Array.from(all);
  };
  const code = await whole(compress(once(bytes), { size: bytes.length }));
  const back = await whole(decompress(once(code), 'file.dcz'));
  return [code, back.join() === bytes.join()].join('|');`;

const underNode = (executable: string) => {
  const script = `const { compress, decompress } = await import(${JSON.stringify(pathToFileURL(format).href)});
    console.log(await (async () => {${body}})());`;
  return execFileSync(executable, ['--input-type=module', '--eval', script], { encoding: 'utf8' }).trim();
};

const others = (process.env.DECADE_NODES ?? '').split(delimiter).filter((path) => path !== '');
const isAlone = others.length === 0 && 'DECADE_NODES names no other versions of Node';

test('other versions of Node write and read the same code', { skip: isAlone }, () => {
  const here = underNode(process.execPath);
  assert.match(here, /\|true$/);
  for (const other of others) assert.equal(underNode(other), here, other);
});

test('a browser writes and reads the same code as Node', { skip: browserName === undefined && 'there is no browser' }, async () => {
  const { outputFiles } = await build({ entryPoints: [format], bundle: true, format: 'esm', target: 'es2022', write: false });
  const page = await WebPage.open({}, { '/compression.js': outputFiles[0]?.text ?? '' });
  try {
    const found = await page.run<string>(`const { compress, decompress } = await import('/compression.js');${body}`);
    assert.equal(found, underNode(process.execPath));
  } finally {
    await page.close();
  }
});
