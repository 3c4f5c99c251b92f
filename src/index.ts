/**
 * decade: sequence-to-sequence learning for TypeScript, on Node.
 *
 *     import { train, load, evaluate } from 'decade';
 */
import './core/globals.js';
import { type CorpusFiles, type CorpusLine, corpusLines as linesOfFiles } from './data/curation/corpus-line.js';
import { type Decade, decade } from './decade.js';
import { nodeRuntime } from './node/runtime.js';

export type { CompareOptions, CompareTextsOptions, Decade, ReportOptions } from './decade.js';
export type { ComputeOptions, LoadedModel, LoadOptions } from './loaded-model.js';
export type { Comparison } from './analysis/examination/compare.js';
export type { ComparedText, ScoredSystem, TextComparison } from './analysis/examination/compared-texts.js';
export type { Examination } from './analysis/examination/examine.js';
export type { RescoringScores } from './analysis/rescoring/judgement.js';
export type { RankedSentence, RescoreOptions, Rescoring } from './analysis/rescoring/rescore.js';
export type { ListedHypothesis, NbestList, RankedHypothesis } from './analysis/rescoring/rescoring.js';
export type { TunedWeight } from './analysis/rescoring/weight-search.js';
export type { PairedInterval, ScoreDifference, ScoreInterval, TestSet } from './analysis/examination/scored-sentences.js';
export { alignmentScore, type AlignmentScoreOptions } from './data/curation/alignment-score.js';
export type { CorpusFiles, CorpusLine, CorpusLines } from './data/curation/corpus-line.js';
export { crossEntropyDifference, type TextScorer } from './data/curation/cross-entropy.js';
export { deduplicate, type DeduplicateOptions } from './data/curation/deduplicate.js';
export { type BoundOfShare, filterLines, type FilterLinesOptions, type LineScorer } from './data/curation/filter-lines.js';
export type { FilterBound } from './data/curation/filter-rules.js';
export { splitLines, type CorpusPart, type SplitGroups, type SplitOptions, type SplitVerdict } from './data/curation/split-lines.js';
export {
  type CorpusCensus,
  type CountedValue,
  corpusStatistics,
  type LongLine,
  type PairStatistics,
  type SideStatistics,
  type StatisticsOptions,
} from './data/curation/statistics.js';
export { type Dropped, type DroppedLine, type DroppedLines, type Verdict, VerdictReport } from './data/curation/verdict.js';
export { DecadeError, type ErrorKind, type ErrorParts } from './core/errors.js';
export type { DecodingOptionsInput } from './decoding/options.js';
export type {
  GeneratedText,
  GenerateOptions,
  GenerateStreamOptions,
  GenerationProgress,
  GenerationResult,
  Prompt,
  ReadPrompt,
} from './decoding/generation/generator.js';
export type { GenerationOptionsInput } from './decoding/generation/options.js';
export type { AttentionMap } from './decoding/attention-map.js';
export type { AttentionView } from './decoding/attention-views.js';
export type { PredictedToken } from './decoding/token-predictions.js';
export type { LineScore, ScoreOptions } from './decoding/score.js';
export type { ScoredText, TextScore, TextScoreOptions, TextScores } from './decoding/text-score.js';
export { unsureBelow } from './decoding/certainty.js';
export { Glossary, type GlossaryOptions } from './decoding/constraints/glossary.js';
export type { Criterion } from './decoding/selection/criterion.js';
export { channel, languageModel, lengthRatio } from './decoding/selection/model-criteria.js';
export { type CandidateScorer, scorer } from './decoding/selection/scorer.js';
export type { SourceLine } from './decoding/source-line.js';
export type {
  TranslateOptions,
  Translation,
  TranslationProgress,
  TranslationResult,
} from './decoding/translator.js';
export type { Account } from './experiments/account.js';
export type { ExperimentName } from './experiments/catalogue/index.js';
export type { Cost } from './experiments/cost.js';
export type { ReproduceEvent, Reproduction, Waiting } from './experiments/carry-out.js';
export type { ReproduceOptions } from './experiments/reproduce.js';
export type { ScalingPlanInput } from './experiments/scaling/plan.js';
export type { ScalingOptions } from './experiments/scaling/scale.js';
export type { ExportedModel, ExportOptions } from './foreign/export.js';
export type { ImportedModel, ImportOptions } from './foreign/imported-model.js';
export type { Evaluation } from './metrics/evaluate.js';
export type { EvaluateOptions, ScoringOptions } from './metrics/scoring-options.js';
export type { PackOptions } from './packed/pack-file.js';
export type { PackedSummary } from './packed/pack.js';
export type { UnpackOptions } from './packed/unpack.js';
export type { TrainOptions } from './parallel/train.js';
export type { ConfigurationInput } from './training/configuration.js';
export type { TrainingEvent, TrainingSummary } from './training/events.js';

const library = decade(nodeRuntime);

export const train: Decade['train'] = library.train;
export const importModel: Decade['importModel'] = library.importModel;
export const exportModel: Decade['exportModel'] = library.exportModel;
export const load: Decade['load'] = library.load;
export const languages: Decade['languages'] = library.languages;
export const translate: Decade['translate'] = library.translate;
export const pack: Decade['pack'] = library.pack;
export const unpack: Decade['unpack'] = library.unpack;
export const score: Decade['score'] = library.score;
export const scoreText: Decade['scoreText'] = library.scoreText;
export const rescore: Decade['rescore'] = library.rescore;
export const evaluate: Decade['evaluate'] = library.evaluate;
export const report: Decade['report'] = library.report;
export const compare: Decade['compare'] = library.compare;
export const compareTexts: Decade['compareTexts'] = library.compareTexts;
export const reproduce: Decade['reproduce'] = library.reproduce;
export const reproductionCost: Decade['reproductionCost'] = library.reproductionCost;
export const scale: Decade['scale'] = library.scale;
export const scaleCost: Decade['scaleCost'] = library.scaleCost;

/**
 * The lines of a corpus in files, streamed, anew each time they are asked for: for `corpusStatistics`, `deduplicate`, `filterLines` and
 * `splitLines`.
 *
 * @example
 * const lines = corpusLines({ source: 'train.en.gz', target: 'train.fr.gz' });
 * for await (const { line, dropped } of filterLines(lines, { languages: ['en', 'fr'] })) if (!dropped) console.log(line.sides);
 */
export const corpusLines = (corpus: CorpusFiles): AsyncIterable<CorpusLine> => linesOfFiles(nodeRuntime.files, corpus);
