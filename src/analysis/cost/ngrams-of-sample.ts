import { memoryFiles } from '../../core/memory-files.js';
import { createCounting, type ModelOptions } from '../../models/create.js';
import { vocabularySizes } from '../../models/model.js';
import type { Tokenizer } from '../../text/tokenizer.js';

/** Different n-grams of each order in texts; undefined for a model that is not made of them. */
export async function ngramsOf(
  texts: readonly string[],
  tokenizer: Tokenizer,
  model: ModelOptions,
): Promise<readonly number[] | undefined> {
  const counting = createCounting(model, vocabularySizes({ target: tokenizer }), { files: memoryFiles(), directory: 'counts' });
  if (counting === undefined) return undefined;
  for (const [key, text] of texts.entries()) await counting.add({ key, source: [], target: tokenizer.encode(text) });
  const { options } = await counting.finish();
  return options.kind === 'ngram' ? options.ngrams : undefined;
}
