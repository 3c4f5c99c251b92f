import { Run } from '../../checkpoint/run.js';
import { DecadeError } from '../../core/errors.js';
import type { Files } from '../../core/files.js';
import { describeSource, isText, readPairs } from '../../data/sources.js';
import { scoringMetrics } from '../../metrics/scoring-options.js';
import { createModel, isCounted } from '../../models/create.js';
import type { ModelSummary } from '../../models/summary.js';
import { type CodeLength, codeLengthOf } from '../../packed/code-length.js';
import { type Configuration, resolveRunConfiguration } from '../../training/configuration.js';
import { describeRun } from '../../training/run-description.js';
import { type CorpusFacts, corpusFacts, testSetFacts } from './corpus-facts.js';
import { type ExaminedModel, type ExaminedTest, examineTest, type TestRequest } from './examined-test.js';
import { type ExaminedLanguageModel, type ExaminedText, examineText, type ReadText, readExaminedText } from './examined-text.js';
import { requireLines, requireSentences, requireTestSet, type TestSet } from './scored-sentences.js';
import { type MappedGroup, mapGroups, type SentenceGroup } from './sentence-map.js';
import { readTrainingRecord, type TrainingRecord } from './training-record.js';

export interface ExaminationRequest extends TestRequest {
  /** Default: the run's dev corpus. Without references it is translated and not scored. */
  readonly testSet?: TestSet | undefined;
  /** Of a language model: files of the text to examine. Default: the run's dev text. */
  readonly text?: readonly string[] | undefined;
  /** Sentences to map by themselves. */
  readonly groups?: readonly SentenceGroup[] | undefined;
}

/** Everything that a report shows. What could not be had is undefined or empty, and `missing` says why. */
export interface Examination {
  readonly run: string;
  readonly configuration: Configuration;
  readonly configurationText: string;
  readonly model: ModelSummary;
  readonly parameters: number;
  /** What was noted with the model when it was saved: step, epoch, scores. */
  readonly modelMetadata: Readonly<Record<string, string>> | undefined;
  readonly record: TrainingRecord;
  readonly corpora: readonly CorpusFacts[];
  /** Of a translator. */
  readonly test: ExaminedTest | undefined;
  /** Of a language model. */
  readonly text: (ExaminedText & { readonly code: CodeLength }) | undefined;
  readonly groups: readonly MappedGroup[];
  /** Sentences for people: what is not here, and how to get it. */
  readonly missing: readonly string[];
}

/**
 * Looks at a run from all sides: its training, its translations of a test set, its vectors of sentences.
 *
 * @param openModel  called when there is something to translate
 * @throws DecadeError `input` for what is no run or no test set, and for a given text that cannot be read; whatever else is missing is
 *   noted in the result
 */
export async function examineRun(
  files: Files,
  path: string,
  request: ExaminationRequest,
  openModel: () => Promise<ExaminedModel & ExaminedLanguageModel>,
): Promise<Examination> {
  const run = await Run.open(files, path);
  scoringMetrics(request.scoring);
  if (request.testSet !== undefined) {
    requireSentences(request.testSet);
    if (!(Array.isArray(request.testSet.references) && request.testSet.references.length === 0)) requireTestSet(request.testSet);
    requireLines(request.attention, request.testSet.name, request.testSet.sources.length);
  }
  const configurationText = await run.configuration();
  const configuration = resolveRunConfiguration(configurationText, run.fileAt('config.yaml'));
  const described = await describeRun(files, path);
  const missing: string[] = [];
  /** What `get` gives; when it cannot for want of a file, says so, or gives this `reason`, and goes on. */
  const ifThere = async <Result>(what: string, get: () => Promise<Result>, reason?: string): Promise<Result | undefined> => {
    try {
      return await get();
    } catch (error) {
      if (!(error instanceof DecadeError) || error.kind !== 'input') throw error;
      missing.push(`${what}: ${reason ?? error.message}`);
      return undefined;
    }
  };

  const record = await readTrainingRecord(files, run.fileAt('metrics.jsonl'));
  // An imported or unpacked run has no log, and its configuration names data that may never have been here.
  const isTrainedHere = (await files.kind(run.fileAt('train.log'))) === 'file';
  const elsewhere = 'the model was not trained here.';
  if (record.reports.length === 0 && !isCounted(described.model))
    missing.push(`No training curves: ${isTrainedHere ? 'the run has no reports in metrics.jsonl.' : elsewhere}`);
  const facts = () => corpusFacts(files, configuration.data.train, request);
  const training = await ifThere('No statistics of the training corpus', facts, isTrainedHere ? undefined : elsewhere);
  const translates = !isText(configuration.data.train);
  requireTask(path, translates, request);
  const testSet = translates ? (request.testSet ?? (await ifThere('No translations', () => devSet(files, configuration)))) : undefined;
  if (request.testSet === undefined && testSet !== undefined) requireLines(request.attention, testSet.name, testSet.sources.length);

  let test: ExaminedTest | undefined;
  let text: Examination['text'];
  let groups: MappedGroup[] = [];
  if (!translates) {
    const toExamine = () => textToExamine(files, configuration, request.text);
    const read = await (request.text === undefined ? ifThere('No scores of a text', toExamine) : toExamine());
    const model = read && (await ifThere('No scores of a text and no samples', openModel));
    if (read !== undefined && model !== undefined) {
      try {
        const examined = await examineText(model, read, { ...request, sample: request.decoding?.sample });
        missing.push(...examined.leftOut);
        text = { ...examined, code: await codeLengthOf(files, [path], examined.total, describeRun) };
      } finally {
        await model.dispose();
      }
    }
  }
  if (translates && (testSet !== undefined || request.groups !== undefined)) {
    const model = await ifThere('No translations and no maps', openModel);
    if (model !== undefined) {
      try {
        if (!model.hasSentenceVectors) missing.push('No map of sentence vectors: this model has no vector per sentence.');
        if (testSet !== undefined) test = await examineTest(model, testSet, training?.frequencies, request);
        groups = await mapGroups(model, request.groups ?? [], request);
      } finally {
        await model.dispose();
      }
    }
  }
  const { summary, parameters } = createModel(described.model, described.vocabularies);
  return {
    run: run.path,
    configuration,
    configurationText,
    model: summary,
    parameters: parameters.count,
    modelMetadata: await run.modelMetadata(),
    record,
    corpora: [...(training === undefined ? [] : [training.facts]), ...(testSet === undefined ? [] : [testSetFacts(testSet)])],
    test,
    text,
    groups,
    missing,
  };
}

/** Throws `usage` for what only the other kind of model can be examined with. */
function requireTask(run: string, translates: boolean, { testSet, groups, text }: ExaminationRequest): void {
  if (translates && text !== undefined) {
    throw new DecadeError('usage', {
      where: run,
      received: 'a text for a translator',
      allowed: 'a test set: source sentences, with references to score them',
      next: 'use --source and --references',
    });
  }
  if (translates || (testSet === undefined && !groups?.length)) return;
  throw new DecadeError('usage', {
    where: run,
    received: 'sentences for a language model, which has no source',
    allowed: 'a text',
    next: 'use --text, or score a text with decade score --text',
  });
}

/** The text of the request, or the run's dev text. */
export function textToExamine(files: Files, { data }: Configuration, given: readonly string[] | undefined): Promise<ReadText> {
  if (given !== undefined) {
    const text = { text: [...given], documents: isText(data.train) ? data.train.documents : ('file' as const) };
    return readExaminedText(files, describeSource(text), text);
  }
  if (data.dev !== undefined && isText(data.dev)) return readExaminedText(files, `dev text, ${describeSource(data.dev)}`, data.dev);
  throw new DecadeError('input', { where: 'data.dev', received: 'not in the configuration', next: 'use --text FILE' });
}

/** The run's dev corpus as a test set. */
export async function devSet(files: Files, { data }: Configuration): Promise<TestSet> {
  if (data.dev === undefined) {
    throw new DecadeError('input', {
      where: 'data.dev',
      received: 'not in the configuration',
      next: 'use --source and --references',
    });
  }
  const sources: string[] = [];
  const references: string[] = [];
  let unusable = 0;
  for await (const pair of readPairs(files, data.dev)) {
    if ('unusable' in pair) {
      unusable++;
      continue;
    }
    sources.push(pair.source);
    references.push(pair.target);
  }
  const leftOut = unusable === 0 ? '' : ` (without ${unusable} ${unusable === 1 ? 'line' : 'lines'} that cannot be read)`;
  const testSet = { name: `dev corpus, ${describeSource(data.dev)}${leftOut}`, sources, references: [references] };
  requireTestSet(testSet);
  return testSet;
}
