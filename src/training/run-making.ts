import { descriptionFile, type Tokenizers } from '../checkpoint/model-files.js';
import { requireFree } from '../checkpoint/run-files.js';
import { Run } from '../checkpoint/run.js';
import { DecadeError } from '../core/errors.js';
import type { Files } from '../core/files.js';
import type { ReadingProgress } from '../data/corpus.js';
import { isText } from '../data/sources.js';
import { createModel } from '../models/create.js';
import { type Model, vocabularySizes } from '../models/model.js';
import { withMountedRun } from '../packed/mounted-runs.js';
import { Memory } from '../tensor/memory.js';
import { PlacedValues } from '../tensor/named-values.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { describeInit, requireResumable } from './configuration-changes.js';
import { type Configuration, configurationOf, originOf, printConfiguration, resolveRunConfiguration } from './configuration.js';
import { describeInheritance, inheritParameters } from './inheritance.js';
import type { TrainRequest } from './request.js';
import {
  describeUnknown,
  inheritedTokenizers,
  tokenizerUse,
  trainTokenizers,
  unknownTokens,
  type TrainTokenizersOptions,
} from './tokenizers.js';

export async function configurationOfRun(run: Run): Promise<Configuration> {
  return resolveRunConfiguration(await run.configuration(), run.fileAt('config.yaml'));
}

/** A run directory and its configuration. */
export interface ConfiguredRun {
  readonly run: Run;
  readonly configuration: Configuration;
}

/** The run to resume or, for a new one, its directory with the tokenizers. */
export function openRun(files: Files, given: Configuration, request: TrainRequest): Promise<ConfiguredRun> {
  return request.resume ? findRun(files, given, request) : makeRun(files, given, request);
}

async function findRun(files: Files, given: Configuration, { out, init, onEvent }: TrainRequest): Promise<ConfiguredRun> {
  const run = await Run.open(files, out);
  if (init !== undefined)
    onEvent?.({ kind: 'initialised', run: init, message: `--init ${init} is not read again: ${out} continues from its own checkpoint` });
  const before = await configurationOfRun(run);
  const configuration = init === undefined ? given : { ...given, tokenizer: before.tokenizer };
  requireResumable(before, configuration, out);
  await run.removeLeftovers();
  const text = printConfiguration(configuration);
  if (printConfiguration(before) !== text) await run.replaceConfiguration(text);
  if (!(await run.describe(originOf(configuration)))) {
    const message = `${run.fileAt(descriptionFile)} is not decade's and stays; without its own the run cannot be loaded in a browser`;
    onEvent?.({ kind: 'warning', message });
  }
  return { run, configuration };
}

/** A new run, with its own tokenizers or with both model and tokenizers of another run. */
async function makeRun(files: Files, given: Configuration, request: TrainRequest): Promise<ConfiguredRun> {
  const { out, init, amongOthers, signal, onEvent } = request;
  await requireFree(files, out, { amongOthers });
  const reading = {
    files,
    source: given.data.train,
    signal,
    onProgress: (progress: ReadingProgress) => onEvent?.({ kind: 'tokenizers', ...progress }),
  };
  if (init !== undefined) {
    return withMountedRun(files, init, async (mounted, path) => makeRunFrom(await Run.open(mounted, path), files, given, request, reading));
  }
  const tokenizers = await trainTokenizers({ ...reading, options: given.tokenizer });
  const contents = { configuration: printConfiguration(given), origin: originOf(given), tokenizers, amongOthers };
  return { run: await Run.create(files, out, contents), configuration: given };
}

/** A new run with the model and the tokenizers of another. */
async function makeRunFrom(
  model: Run,
  files: Files,
  given: Configuration,
  { out, initInto: into = 'decoder', amongOthers, onEvent }: TrainRequest,
  reading: Omit<TrainTokenizersOptions, 'options'>,
): Promise<ConfiguredRun> {
  const before = await configurationOfRun(model);
  const theirs = await model.tokenizersOf(originOf(before));
  if (into === 'encoder') requireEncoder(model.path, theirs, given);
  const tokenizing = { ...reading, options: given.tokenizer, into };
  const use = tokenizerUse(tokenizing, theirs);
  // Where a side of pairs may have a vocabulary of its own, it is as the new configuration says.
  const configuration = use.choosesSharing ? given : withTokenizerOf(model, tokenizerMadeBy(before), given, files);
  const tokenizers = await inheritedTokenizers(tokenizing, theirs);
  const { parameters } = newModel(configuration, tokenizers);
  parameters.allocate(new Memory({ shared: false }));
  parameters.initialise(given.training.seed);
  const inheritance = await inheritParameters(model, { parameters, options: configuration.model, into }, theirs, tokenizers);
  const unknown = describeUnknown(await unknownTokens(tokenizing, theirs, tokenizers));
  const parts = [describeInit(model.path, before, given, use), describeInheritance(inheritance), unknown];
  onEvent?.({ kind: 'initialised', run: model.path, message: parts.filter((part) => part !== '').join('; ') });
  const own = { configuration: printConfiguration(configuration), origin: originOf(configuration), tokenizers, amongOthers };
  return { run: await Run.create(files, out, { ...own, parameters: PlacedValues.of(parameters) }), configuration };
}

/** The options with which a run's tokenizer was made, where they depend on its data, too. */
function tokenizerMadeBy({ tokenizer, data }: Configuration): Configuration['tokenizer'] {
  return tokenizer.kind === 'character' ? { ...tokenizer, verbatim: tokenizer.verbatim ?? isText(data.train) } : tokenizer;
}

/** Another's tokenizer must suit this corpus, too. Throws `usage`, about the run, where it does not. */
function withTokenizerOf({ path }: Run, tokenizer: Configuration['tokenizer'], given: Configuration, { absolute }: Files): Configuration {
  try {
    return configurationOf({ ...given, tokenizer }, absolute);
  } catch (error) {
    if (!(error instanceof DecadeError)) throw error;
    const [, ...key] = error.parts.where.split(': ');
    throw new DecadeError(error.kind, {
      ...error.parts,
      where: [`--init ${path}, whose tokenizer is taken`, ...key].join(': '),
      next: error.parts.next ?? 'begin with another run, or leave --init out to have the tokenizer of this configuration',
      cause: error,
    });
  }
}

/** Throws `usage` unless an encoder is to begin with a language model. */
function requireEncoder(run: string, theirs: Tokenizers, { data, model }: Configuration): void {
  const hasEncoder = !isText(data.train) && model.kind === 'transformer' && model.encoderLayers > 0;
  if (hasEncoder && theirs.source === undefined) return;
  throw new DecadeError('usage', {
    where: `--init ${run} --init-into encoder`,
    received: hasEncoder ? 'a translator' : 'a configuration of a model whose layers are of another kind than an encoder of a Transformer',
    allowed: hasEncoder
      ? 'a language model, whose layers become those of the encoder'
      : 'data.train of pairs, model.kind: transformer and model.encoderLayers of 1 or more',
    next: 'leave --init-into out',
  });
}

/** The model of a configuration, its parameters declared. Throws `usage` where it needs one vocabulary and has two. */
export function newModel({ model: options }: Configuration, { source, target }: Tokenizers): Model {
  const model = createModel(options, vocabularySizes({ source, target }));
  // Of one size, two vocabularies would share vectors for different words.
  if (model.needsOneVocabulary && source !== undefined && !hasSameTokens(source, target)) {
    throw new DecadeError('usage', {
      where: 'model',
      received: 'embeddings that source and target share, with a vocabulary for each',
      allowed: 'one vocabulary for both sides',
      next: 'set tokenizer.shared=true, or tie no embeddings of the source',
    });
  }
  return model;
}

/** Whether ids mean the same on both sides, however each splits its text. */
function hasSameTokens(source: Tokenizer, target: Tokenizer): boolean {
  if (source === target) return true;
  return (
    source.size === target.size && Array.from({ length: source.size }, (_, id) => id).every((id) => source.token(id) === target.token(id))
  );
}
