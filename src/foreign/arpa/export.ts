import { loadWeights, readModelTokenizers } from '../../checkpoint/model-files.js';
import { replaceFile } from '../../checkpoint/whole-files.js';
import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { createModel } from '../../models/create.js';
import { tablesOf } from '../../models/ngram/tables.js';
import { Memory } from '../../tensor/memory.js';
import { describeRun } from '../../training/run-description.js';
import { arpaCounts, arpaText } from './write.js';

/**
 * The n-gram model of a run as an ARPA file: calls `write` with one piece of it after the other; gives the n-grams of each order in it.
 *
 * @throws DecadeError `usage` for a model of another kind, and for a vocabulary in which `<s>` and `</s>` are one token
 */
export async function exportArpa(
  files: Files,
  run: string,
  write: (text: string) => Promise<void>,
): Promise<{ readonly ngrams: readonly number[] }> {
  const described = await describeRun(files, run);
  const { model: options, vocabularies, weights } = described;
  if (options.kind !== 'ngram') {
    throw new DecadeError('usage', {
      where: run,
      received: `model.kind ${options.kind}`,
      allowed: 'ngram: an ARPA file holds n-grams',
      next: 'write a Transformer with --to hf',
    });
  }
  const { target: tokenizer } = await readModelTokenizers(files, run, described);
  if (tokenizer.special.begin === tokenizer.special.end) {
    throw new DecadeError('usage', {
      where: run,
      received: 'a vocabulary in which one token begins and ends a text',
      allowed: 'one with <s> and </s>, which an ARPA file tells apart',
    });
  }
  const { parameters } = createModel(options, vocabularies);
  const memory = new Memory({ shared: false });
  await loadWeights(files, run, weights, parameters, memory);
  for (const piece of arpaText(tablesOf(parameters, options.order), tokenizer)) await write(piece);
  return { ngrams: arpaCounts(options.ngrams ?? [], tokenizer) };
}

/** As `exportArpa`, into a file. */
export async function writeArpa(files: Files, run: string, out: string): Promise<void> {
  const end = out.lastIndexOf('/');
  const [directory, name] = end < 0 ? ['.', out] : [out.slice(0, end) || '/', out.slice(end + 1)];
  const utf8 = new TextEncoder();
  await replaceFile(files, directory, name, async (path) => {
    const writer = await files.create(path);
    try {
      await exportArpa(files, run, (text) => writer.write(utf8.encode(text)));
      await writer.sync();
    } finally {
      await writer.close();
    }
  });
}
