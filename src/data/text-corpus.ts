import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { ContextCutter, type ContextOptions } from './contexts.js';
import type { TextCounts } from './corpus-cache.js';
import { describeText, readPassages, type TextSource } from './documents.js';
import { dropLine, emptyReport, type FilterReport } from './filter.js';
import { tokensOf } from './passage.js';

export interface ReadTextOptions extends ContextOptions {
  readonly files: Pick<Files, 'stream'>;
  readonly source: TextSource;
  readonly tokenizer: Tokenizer;
  /** Called before every passage with the bytes of those before; ends the reading by throwing. */
  readonly turn: (bytes: number) => Promise<void> | undefined;
}

/**
 * Cuts the text of a source into contexts and hands each to `take`: `</s>` stands behind every document and, where contexts cross
 * documents, `<s>` in front of the next. Every token is in exactly one context. Documents without a token are left out, and their bytes
 * are not counted.
 *
 * @throws DecadeError `input` when nothing is left of the source
 */
export async function cutIntoContexts(
  { files, source, tokenizer, context, across, turn }: ReadTextOptions,
  take: (predicted: readonly number[]) => Promise<void>,
): Promise<{ report: FilterReport; text: TextCounts }> {
  const report = emptyReport();
  const text = { bytes: 0, words: 0 };
  const { begin, end } = tokenizer.special;
  const cutter = new ContextCutter(context, take);
  let isInDocument = false;
  let read = 0;
  let document = { bytes: 0, words: 0 };
  for await (const passage of readPassages(files, source)) {
    await turn(read);
    const { ids, bytes, words, brokenLines } = tokensOf(passage, tokenizer);
    for (const line of brokenLines) dropLine(report, passage.path, line, 'encoding');
    read += bytes;
    document = { bytes: document.bytes + bytes, words: document.words + words };
    if (ids.length > 0 && !isInDocument) {
      // What ends a document may begin the next as well.
      if (across && report.kept > 0 && begin !== end) await cutter.add([begin]);
      isInDocument = true;
    }
    await cutter.add(ids);
    if (!passage.ends) continue;
    report.read++;
    if (isInDocument) {
      report.kept++;
      text.bytes += document.bytes;
      text.words += document.words;
      await cutter.add([end]);
      if (!across) await cutter.flush();
    } else dropLine(report, passage.path, passage.line, 'empty');
    isInDocument = false;
    document = { bytes: 0, words: 0 };
  }
  await cutter.flush();
  if (report.kept === 0) throw noText(source, report);
  return { report, text: { ...text, documents: report.kept } };
}

function noText(source: TextSource, { dropped }: FilterReport): DecadeError {
  const isBroken = dropped.encoding.count > 0;
  return new DecadeError('input', {
    where: describeText(source),
    received: isBroken ? 'no line of valid UTF-8' : 'no text',
    allowed: 'at least one document that is not empty',
    next: isBroken ? 'convert the file to UTF-8, or use tokenizer: { kind: bytes }' : 'check the paths',
  });
}
