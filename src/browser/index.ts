/**
 * decade in a browser: trained models translate in a page, and small ones are trained there.
 *
 *     import { load, train } from 'decade/browser';
 */
import '../core/globals.js';

export { clearCache } from './model-store.js';
export { load, type LoadOptions } from './load.js';
export type { LoadProgress } from './download.js';
export type { BrowserModel } from './model.js';
export type { Integrity, RunFiles } from './requests.js';
export type { Source } from './sources.js';
export type { TrainedRun } from './trained-run.js';
export { train, type TrainingInput, type TrainOptions } from './train.js';
export { pack, type PackedModelFile, type PackOptions } from './pack.js';
export type { Examples, GeneratedExamples } from './examples.js';
export { DecadeError, type ErrorKind, type ErrorParts } from '../core/errors.js';
export type { AttentionMap } from '../decoding/attention-map.js';
export type { AttentionView } from '../decoding/attention-views.js';
export type { DecodingOptionsInput } from '../decoding/options.js';
export type {
  GeneratedText,
  GenerateOptions,
  GenerateStreamOptions,
  GenerationProgress,
  GenerationResult,
  ReadPrompt,
} from '../decoding/generation/generator.js';
export type { PredictedToken } from '../decoding/token-predictions.js';
export type { LineScore, ScoreOptions } from '../decoding/score.js';
export type { ScoredText, TextScore, TextScoreOptions, TextScores } from '../decoding/text-score.js';
export { unsureBelow } from '../decoding/certainty.js';
export type { SourceLine } from '../decoding/source-line.js';
export type {
  TranslateOptions,
  Translation,
  TranslationProgress,
  TranslationResult,
} from '../decoding/translator.js';
export type { TrainingEvent, TrainingSummary } from '../training/events.js';
