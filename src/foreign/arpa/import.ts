import { Run } from '../../checkpoint/run.js';
import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { createModel } from '../../models/create.js';
import { assemble } from '../../models/ngram/assemble.js';
import { describeNgrams } from '../../models/ngram/ngram.js';
import { TableValues } from '../../models/ngram/table-values.js';
import { ClosedVocabularyTokenizer } from '../../text/closed-vocabulary.js';
import { newest } from '../../text/normalisation.js';
import { Pipeline } from '../../text/pipeline.js';
import { configurationOf, originOf, printConfiguration } from '../../training/configuration.js';
import type { ImportedModel, ImportOptions } from '../imported-model.js';
import { readArpa } from './read.js';

/** Whether a file is an ARPA file by its name. */
export function isArpaName(path: string): boolean {
  return /\.(arpa|lm)(\.gz)?$/i.test(path);
}

/** Makes a run of an ARPA file: an n-gram model of words between spaces. See `importModel`. */
export async function importArpa(files: Files, path: string, { out }: ImportOptions): Promise<ImportedModel> {
  const { vocabulary, ngrams: given } = await readArpa(files, path);
  const { tables, ngrams } = assembled(given, vocabulary.size, path);
  const order = ngrams.length;
  const pipeline = new Pipeline({ segmentation: 'spaces', lowercase: false, normalisation: newest });
  const configuration = configurationOf({
    version: 1,
    data: { train: { text: ['train.txt'], documents: 'line' } },
    tokenizer: { kind: 'word', split: 'spaces', size: vocabulary.size },
    model: { kind: 'ngram', order },
  });
  const options = { kind: 'ngram', order, ngrams } as const;
  await Run.create(files, out, {
    configuration: printConfiguration(configuration),
    origin: { ...originOf(configuration), options },
    tokenizers: { target: new ClosedVocabularyTokenizer('word', pipeline, vocabulary) },
    parameters: new TableValues(tables),
    isTrained: true,
  });
  const { parameters } = createModel(options, { target: vocabulary.size });
  // Without decade's own tokens, which no file has.
  const [unigrams] = given;
  return {
    architecture: 'ARPA',
    description: describeNgrams(order, [unigrams?.logProbabilities.length ?? 0, ...ngrams.slice(1)]),
    parameters: parameters.count,
    vocabularies: { target: vocabulary.size },
  };
}

function assembled(given: Parameters<typeof assemble>[0], vocabulary: number, path: string): ReturnType<typeof assemble> {
  try {
    return assemble(given, vocabulary);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DecadeError('input', { where: path, received: `one of its ${error.message} twice`, allowed: 'each once' });
  }
}
