import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importsOf, repository, sourceFiles } from './sources.js';

/** A folder imports from itself and from the lines above its own. Folders of one line do not import each other. */
const order: readonly (readonly string[])[] = [
  ['core'],
  ['tensor', 'text', 'compression'],
  ['alignment'],
  ['data'],
  ['nn'],
  ['models'],
  ['metrics', 'checkpoint'],
  ['decoding'],
  ['packed'],
  ['training'],
  ['parallel', 'foreign'],
  ['analysis'],
  ['loaded-model.ts'],
  ['open-models.ts'],
  ['load.ts', 'node', 'quickstart-recipe.ts'],
  ['quickstart.ts', 'experiments'],
  ['decade.ts'],
  ['server'],
  ['agents'],
  ['cli', 'browser', 'index.ts'],
];
/** What a platform gives is injected at the edge, so only the edge names it. */
const platforms = { names: ['node'], importedBy: ['cli', 'index.ts'] };
/** What runs under Node only. */
const underNode = ['node', 'cli', 'server', 'agents'];

const folderOf = (file: string): string => file.split('/')[0] ?? '';
const rank = (folder: string): number => order.findIndex((line) => line.includes(folder));
const isFile = (imported: string): boolean => imported.endsWith('.ts');

function isAllowed(from: string, to: string): boolean {
  if (from === to) return true;
  if (platforms.names.includes(to)) return platforms.importedBy.includes(from);
  return rank(to) < rank(from);
}

test('every folder has its place in the order', () => {
  const unknown = sourceFiles().filter((file) => rank(folderOf(file)) < 0);
  assert.deepEqual(unknown, []);
});

test('a folder imports only from folders before it', () => {
  const wrong = sourceFiles().flatMap((file) =>
    importsOf(file)
      .filter((imported) => isFile(imported) && !isAllowed(folderOf(file), folderOf(imported)))
      .map((imported) => `${file} imports ${imported}`),
  );
  assert.deepEqual(wrong, []);
});

test('only folders that run under Node import its modules', () => {
  const wrong = sourceFiles()
    .filter((file) => !underNode.includes(folderOf(file)))
    .flatMap((file) =>
      importsOf(file)
        .filter((imported) => imported.startsWith('node:'))
        .map((imported) => `${file} imports ${imported}`),
    );
  assert.deepEqual(wrong, []);
});

test('no file imports itself through others', () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) cycles.push([...path.slice(start), file].join(' -> '));
    if (start >= 0 || done.has(file)) return;
    for (const imported of importsOf(file)) if (isFile(imported)) visit(imported, [...path, file]);
    done.add(file);
  };
  for (const file of sourceFiles()) visit(file, []);
  assert.deepEqual(cycles, []);
});

test('inside a folder, subfolders import each other one way', () => {
  const rooms = new Map<string, Set<string>>();
  for (const file of sourceFiles()) {
    const [house, from = ''] = file.split('/');
    for (const imported of importsOf(file).filter(isFile)) {
      const [theirs, to = ''] = imported.split('/');
      if (house !== theirs || from === to) continue;
      const room = `${house}/${from}`;
      rooms.set(room, (rooms.get(room) ?? new Set()).add(`${house}/${to}`));
    }
  }
  const cycles: string[] = [];
  const visit = (room: string, path: readonly string[]): void => {
    const start = path.indexOf(room);
    if (start >= 0) cycles.push([...path.slice(start), room].join(' -> '));
    else for (const next of rooms.get(room) ?? []) visit(next, [...path, room]);
  };
  for (const room of rooms.keys()) visit(room, []);
  assert.deepEqual(cycles, []);
  assert.ok(rooms.get('parallel/pipeline')?.has('parallel/schedule'), 'rooms are found');
});

test('no two exported types share a name', () => {
  const places = new Map<string, string[]>();
  // What the browser's entry exports for its users is named as Node's.
  for (const file of sourceFiles().filter((name) => !name.startsWith('browser/'))) {
    const text = readFileSync(join(repository, 'src', file), 'utf8');
    for (const [, name = ''] of text.matchAll(/^export (?:abstract )?(?:interface|type|class) (\w+)/gm)) {
      places.set(name, [...(places.get(name) ?? []), file]);
    }
  }
  assert.ok(places.size > 200);
  assert.deepEqual(
    [...places].filter(([, files]) => files.length > 1),
    [],
  );
});

test('the check reads imports in every form they have', () => {
  const imported = sourceFiles().flatMap(importsOf);
  assert.ok(imported.includes('core/errors.ts'), 'a named import');
  assert.ok(imported.includes('tensor/kernels/generated/plain.ts'), 'a dynamic import');
  assert.ok(imported.includes('zod'), 'a package');
});
