import type { Tokenizers } from '../checkpoint/model-files.js';
import type { Files } from '../core/files.js';
import { type ContextOptions, resolveContexts, scoredContexts } from '../data/contexts.js';
import { type Corpus, openCorpus } from '../data/corpus.js';
import type { CorpusSource } from '../data/sources.js';
import type { Model } from '../models/model.js';
import type { TrainRequest } from './request.js';
import type { ConfiguredRun } from './run-making.js';

/**
 * The training corpus and, where it is validated, the dev corpus: of text in contexts that `model` has room for. What closes them is added
 * to `closers`.
 */
export async function openCorpora(
  files: Files,
  { configuration: { data, training }, run, tokenizers, model }: ConfiguredRun & { readonly tokenizers: Tokenizers; readonly model: Model },
  { cache, signal, onEvent }: TrainRequest,
  closers: (() => Promise<void>)[],
): Promise<{ readonly corpus: Corpus; readonly dev: Corpus | undefined }> {
  const open = async (part: 'train' | 'dev', source: CorpusSource, contexts: ContextOptions, examples?: number) => {
    const corpus = await openCorpus({
      files,
      source,
      sourceTokenizer: tokenizers.source,
      targetTokenizer: tokenizers.target,
      filter: { maximumLength: data.maximumLength, maximumRatio: data.maximumRatio, balancedUpTo: data.balancedUpTo },
      contexts,
      examples,
      cache: { files, directory: cache ?? run.fileAt('cache') },
      ...(signal && { signal }),
      onProgress: (progress) => onEvent?.({ kind: 'tokenizing', part, ...progress }),
    });
    closers.push(() => corpus.close());
    onEvent?.({ kind: 'corpus', part, pairs: corpus.pairs, report: corpus.report, text: corpus.text });
    return corpus;
  };
  const contexts = resolveContexts(data);
  const corpus = await open('train', data.train, contexts, data.examples);
  const scored = scoredContexts(contexts, model.lengthLimits?.target(0));
  const dev = data.dev === undefined || training.validate === undefined ? undefined : await open('dev', data.dev, scored);
  return { corpus, dev };
}
