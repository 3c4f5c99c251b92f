import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecadeError } from '../../src/core/errors.js';
import { ScorerCommand } from '../../src/node/scorer-command.js';

async function scores(
  command: string,
  { seconds = 20, format = 'tsv' as 'tsv' | 'json', signal = undefined as AbortSignal | undefined } = {},
) {
  const scorer = new ScorerCommand(command, { format, seconds });
  try {
    return [await scorer.score('a source', ['x', 'yyy'], { signal }), await scorer.score('b', ['zz'], { signal })];
  } finally {
    await scorer.dispose();
  }
}
// biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's, not JavaScript's
const lengthOfLines = 'while IFS= read -r line; do echo "${#line}"; done';
const fails = (promise: Promise<unknown>, pattern: RegExp) =>
  assert.rejects(promise, (error: unknown) => error instanceof DecadeError && error.kind === 'input' && pattern.test(error.message));

test('a command scores all lists in one process', async () => {
  assert.deepEqual(await scores('n=0; while IFS= read -r line; do n=$((n+1)); echo "$n"; done'), [[1, 2], [3]]);
  assert.deepEqual(await scores(lengthOfLines), [[10, 12], [4]]);
  assert.deepEqual(await scores("read a; read b; printf -- '-inf\\n1e-3\\n'; read c; echo -Infinity; cat >/dev/null"), [
    [Number.NEGATIVE_INFINITY, 0.001],
    [Number.NEGATIVE_INFINITY],
  ]);
  const lengths = [['x', 'yyy'], ['zz']].map((list, index) =>
    list.map((candidate) => JSON.stringify({ source: ['a source', 'b'][index], candidate }).length),
  );
  assert.deepEqual(await scores(lengthOfLines, { format: 'json' }), lengths);
});

test('one that dies, says too little, says no number, hangs or is not there is told', async () => {
  await fails(scores('read line; echo 1; echo out of luck >&2; exit 3'), /exit code 3 after 1 of 2 scores; it said: out of luck/);
  await fails(scores('read a; read b; echo 0.5; echo good; cat >/dev/null'), /the line "good"/);
  await fails(scores('read a; echo 1; cat >/dev/null', { seconds: 0.2 }), /1 of 2 scores after 0.2 s.*flush/s);
  // In one write: a line that comes later cannot be told from the next list's score.
  await fails(scores(String.raw`printf '1\n2\n3\n'; cat >/dev/null`), /more lines than it was given, the first "3"/);
  await fails(scores('no-such-command-here'), /exit code 127 after 0 of 2 scores/);
});

test('one that hangs is cancelled', async () => {
  const abort = new AbortController();
  setTimeout(() => abort.abort(new Error('enough')), 20);
  await assert.rejects(scores('cat >/dev/null', { signal: abort.signal }), /enough/);
});

test('what the shell started ends with it', { skip: process.platform === 'win32' }, async () => {
  const scorer = new ScorerCommand('sleep 60; cat', { format: 'tsv', seconds: 0.2 });
  await fails(Promise.resolve(scorer.score('a', ['b'], {})), /0 of 1 scores after 0.2 s/);
  await scorer.dispose();
  // Its output is closed only when nobody has it any more.
  await fails(Promise.resolve(scorer.score('a', ['b'], {})), /ended by SIGTERM/);
});
