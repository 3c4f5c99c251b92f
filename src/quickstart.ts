import { removeRun, requireFree } from './checkpoint/run-files.js';
import { RunLock } from './checkpoint/run-lock.js';
import { replaceFile, writeTextFile } from './checkpoint/whole-files.js';
import { DecadeError } from './core/errors.js';
import { type Files, joinPath } from './core/files.js';
import { type CategorisedPair, type IntlCategory, intlCategories, intlCorpus } from './data/generators/intl.js';
import { load } from './load.js';
import { bleu } from './metrics/bleu.js';
import { type Evaluation, evaluate } from './metrics/evaluate.js';
import { exactMatch } from './metrics/exact-match.js';
import type { Runtime } from './parallel/runtime.js';
import { train } from './parallel/train.js';
import { type QuickstartModel, quickstartRecipe } from './quickstart-recipe.js';
import { Memory } from './tensor/memory.js';
import { type ConfigurationInput, configurationOf, printConfiguration } from './training/configuration.js';
import type { TrainingEvent, TrainingSummary } from './training/events.js';

export interface QuickstartOptions {
  /** BCP 47 tags of languages that the runtime supports. Default: English to French. */
  readonly from?: string;
  readonly to?: string;
  /** Default: lstm. */
  readonly model?: QuickstartModel;
  /** The run directory. An earlier quickstart there is replaced; other files stay. */
  readonly out: string;
  readonly resume?: boolean;
  readonly devices?: number | undefined;
  readonly gemm?: string | undefined;
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: TrainingEvent) => void;
}

/** A held-out sentence with its translation. */
export interface QuickstartExample extends CategorisedPair {
  readonly translation: string;
  readonly isExact: boolean;
}

export interface QuickstartResult {
  readonly training: TrainingSummary;
  /** Percentage of held-out sentences translated exactly; absent after an interruption. */
  readonly exact: Evaluation;
  readonly bleu: Evaluation;
  readonly byCategory: readonly { readonly category: IntlCategory; readonly sentences: number; readonly exact: number }[];
  /** Every held-out sentence, the categories taking turns. */
  readonly examples: readonly QuickstartExample[];
  /** Where the held-out sentences were written. */
  readonly testFiles: { readonly source: string; readonly target: string };
}

/** The configuration of a quickstart, as `decade train` would take it. */
export function quickstartConfiguration(from: string, to: string, model: QuickstartModel): ConfigurationInput {
  const { corpus, tokenizer, models, learningRates, training } = quickstartRecipe;
  const generator = `intl:${from}:${to}`;
  return {
    version: 1,
    data: { source: from, target: to, train: { generator, split: 'train', ...corpus }, dev: { generator, split: 'dev', ...corpus } },
    tokenizer,
    model: models[model],
    training: {
      optimizer: { kind: 'adam', learningRate: learningRates[model] },
      ...training,
      validate: { ...training.validate, metrics: [...training.validate.metrics] },
    },
  };
}

/**
 * Trains a translator on sentences generated from the runtime's internationalisation data in two languages, then translates
 * the held-out sentences. Undefined when the signal aborts: the training so far is saved.
 */
export async function quickstart(runtime: Runtime, options: QuickstartOptions): Promise<QuickstartResult | undefined> {
  const { from = 'en', to = 'fr', model: kind = 'lstm', out, resume = false, devices, gemm, signal, onEvent } = options;
  const { test } = intlCorpus({ from, to, ...quickstartRecipe.corpus });
  const texts = testTexts(from, to, test);
  if (!resume) await makeRoom(runtime, out, texts, gemm);
  const request = { out, resume, amongOthers: true, devices, gemm, signal, onEvent };
  const training = await train(runtime, quickstartConfiguration(from, to, kind), request);
  if (training.interrupted) return undefined;
  for (const [name, text] of texts) await replaceFile(runtime.files, out, name, (path) => writeTextFile(runtime.files, path, text));
  const testFiles = { source: joinPath(out, `test.${from}`), target: joinPath(out, `test.${to}`) };

  const model = await load(runtime, out, { gemm, beam: quickstartRecipe.beam });
  try {
    const results = await model.translate(
      test.map(({ source }) => source),
      signal === undefined ? {} : { signal },
    );
    const examples = test.map((pair, index): QuickstartExample => {
      const translation = results[index]?.text ?? '';
      return { ...pair, translation, isExact: exactly([translation], [pair.target]).score === 100 };
    });
    const translations = examples.map(({ translation }) => translation);
    const references = examples.map(({ target }) => target);
    return {
      training,
      exact: exactly(translations, references),
      bleu: evaluate(bleu(), translations, [references]),
      byCategory: intlCategories.map((category) => {
        const members = examples.filter((example) => example.category === category);
        return { category, sentences: members.length, exact: (100 * members.filter(({ isExact }) => isExact).length) / members.length };
      }),
      examples,
      testFiles,
    };
  } finally {
    await model.dispose();
  }
}

function exactly(translations: readonly string[], references: readonly string[]): Evaluation {
  return evaluate(exactMatch(), translations, [references]);
}

/** The held-out sentences as files, by their names. */
function testTexts(from: string, to: string, test: readonly CategorisedPair[]): Map<string, string> {
  const text = (side: 'source' | 'target') => test.map((pair) => `${pair[side]}\n`).join('');
  return new Map([
    [`test.${from}`, text('source')],
    [`test.${to}`, text('target')],
  ]);
}

/**
 * Removes the files of an earlier quickstart, recognised by its configuration and its contents, and nothing else. Throws `usage`
 * before that if another file is in the way or the new quickstart cannot begin.
 */
async function makeRoom(runtime: Runtime, out: string, texts: ReadonlyMap<string, string>, gemm: string | undefined): Promise<void> {
  const { files } = runtime;
  const earlier = await earlierTexts(files, out);
  if (earlier === undefined) await requireFree(files, out, { amongOthers: true }).catch(refuseDirectory);
  for (const [name, text] of texts) {
    const found = await readIfThere(files, joinPath(out, name));
    if (found === undefined || found === text || found === earlier?.get(name)) continue;
    refuseDirectory(new DecadeError('usage', { where: joinPath(out, name), received: 'sentences that were not written by a quickstart' }));
  }
  if (earlier === undefined) return;
  const device = await runtime.openDevice(new Memory({ shared: false }), { gemm });
  device.matrix.dispose();
  // Unless it is still under way.
  const lock = await RunLock.take(files, out, () => undefined);
  try {
    await lock.leave();
    await removeRun(files, out);
    for (const [name, text] of earlier) {
      if ((await readIfThere(files, joinPath(out, name))) === text) await files.remove(joinPath(out, name));
    }
  } finally {
    await lock.release();
  }
}

/** The test files of the quickstart that made the run in a directory; undefined when none did. */
async function earlierTexts(files: Files, out: string): Promise<Map<string, string> | undefined> {
  const text = await readIfThere(files, joinPath(out, 'config.yaml'));
  const [, from, to] = /^\s*generator: "?intl:([^:"\s]+):([^:"\s]+)"?$/m.exec(text ?? '') ?? [];
  if (from === undefined || to === undefined) return undefined;
  const models = Object.keys(quickstartRecipe.models) as QuickstartModel[];
  const printed = models.map((model) => printConfiguration(configurationOf(quickstartConfiguration(from, to, model))));
  if (text === undefined || !printed.includes(text)) return undefined;
  return testTexts(from, to, intlCorpus({ from, to, ...quickstartRecipe.corpus }).test);
}

async function readIfThere(files: Files, path: string): Promise<string | undefined> {
  return (await files.kind(path)) === 'file' ? files.readText(path) : undefined;
}

function refuseDirectory(error: unknown): never {
  if (!(error instanceof DecadeError)) throw error;
  throw new DecadeError(error.kind, {
    ...error.parts,
    allowed: 'a new directory, or one of an earlier quickstart',
    next: 'choose another --out',
  });
}
