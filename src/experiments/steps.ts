import type * as z from 'zod';
import type { RankedSentence } from '../analysis/rescoring/rescore.js';
import type { NbestList } from '../analysis/rescoring/rescoring.js';
import type { Files } from '../core/files.js';
import type { Configuration } from '../training/configuration.js';

/**
 * What an experiment has done for it. A step says all that decides its result, its inputs being steps themselves, so that it has an
 * address before anything is done: what was kept under that address is never made again, whichever experiment asks.
 */
export type Step = Train | Translate | List | Score | Transform<object>;

/** A training; its address is the name of its run. */
export interface Train {
  readonly kind: 'train';
  readonly configuration: Configuration;
  /** Corpora that a step makes, in place of those of the configuration. */
  readonly made: Readonly<Partial<Record<'train' | 'dev', Transform<TextFiles>>>>;
}

/** Translations of sentences by models together. */
export interface Translate {
  readonly kind: 'translate';
  readonly models: readonly Train[];
  readonly sentences: Sentences;
  readonly beam: number;
}

/** An n-best list, made with a beam as large. */
export interface List {
  readonly kind: 'list';
  readonly models: readonly [Train];
  readonly sentences: Sentences;
  readonly size: number;
}

/** What models together make of every hypothesis of a list. */
export interface Score {
  readonly kind: 'score';
  readonly models: readonly Train[];
  readonly list: List;
}

/** A pure function of earlier results, in code. */
export interface Transform<Result extends object> {
  readonly kind: 'transform';
  readonly name: string;
  /** A part of the address, as the name is: to be raised whenever `make` changes, so that nothing of an earlier `make` is found. */
  readonly version: number;
  /** What else decides the result; a value of JSON. */
  readonly parameters: unknown;
  readonly inputs: readonly Step[];
  /** Of a result that is kept as JSON; undefined for text files. */
  readonly schema: z.ZodType<Result> | undefined;
  make(results: readonly unknown[], control: TransformControl): unknown;
}

export interface TransformControl {
  /** To read the texts of an input with: `readLines(files, path)`. */
  readonly files: Files;
  readonly signal: AbortSignal | undefined;
}

/** Sentences with one reference each. */
export interface Sentences {
  readonly name: string;
  readonly sources: readonly string[];
  readonly references: readonly string[];
}

/** A run directory, and the name that says all of what was trained there. */
export interface NamedRun {
  readonly name: string;
  readonly path: string;
}

/** A training that is over. */
export interface TrainedRun extends NamedRun {
  /** On the dev corpus, of the best model; infinite when there is none. */
  readonly perplexity: number;
  readonly parameters: number;
  readonly steps: number;
  readonly epochs: number;
  /** Spent on updates. */
  readonly seconds: number;
  /** Source and target tokens; of the last session when there were several. */
  readonly wordsPerSecond: number;
  /** Why there is nothing to go on with: numbers that grew until they were none. There may be no model then. */
  readonly diverged?: string | undefined;
  /** With the paths of all corpora, those that a step made, too. */
  readonly configuration: Configuration;
}

export interface Translations {
  /** From the first line to the last; loading the models is not counted. */
  readonly seconds: number;
  readonly texts: readonly string[];
}

/** Paths by the names that a transform gave its texts. */
export type TextFiles = Readonly<Record<string, string>>;

/** What is to be written to a text file; no line has a line break in it. */
export type Lines = Iterable<string> | AsyncIterable<string>;

/** What a step comes to; of scores, every sentence of the list with the figures of its hypotheses. */
export type ResultOf<Of extends Step> = Of extends Train
  ? TrainedRun
  : Of extends Translate
    ? Translations
    : Of extends List
      ? NbestList
      : Of extends Score
        ? readonly RankedSentence[]
        : Of extends Transform<infer Result>
          ? Result
          : never;
type ResultsOf<Inputs extends readonly Step[]> = { readonly [Index in keyof Inputs]: ResultOf<Inputs[Index]> };

/** `made`: texts that are named as the files of a corpus are in a configuration: `source` and `target`, or `tsv`. */
export function train(configuration: Configuration, made: Train['made'] = {}): Train {
  return { kind: 'train', configuration, made };
}

export function translate(models: readonly Train[], sentences: Sentences, beam: number): Translate {
  return { kind: 'translate', models, sentences, beam };
}

export function list(model: Train, sentences: Sentences, size: number): List {
  return { kind: 'list', models: [model], sentences, size };
}

export function score(models: readonly Train[], list: List): Score {
  return { kind: 'score', models, list };
}

/** What a transform is, and what it makes of its inputs' results. */
interface TransformParts<Inputs extends readonly Step[], Made> {
  readonly name: string;
  readonly version: number;
  readonly inputs: Inputs;
  readonly parameters?: unknown;
  readonly make: (results: ResultsOf<Inputs>, control: TransformControl) => Made | Promise<Made>;
}

/** A transform whose result is kept as JSON. */
export function transform<const Inputs extends readonly Step[], Result extends object>(
  parts: TransformParts<Inputs, Result> & { readonly schema: z.ZodType<Result> },
): Transform<Result> {
  return { kind: 'transform', parameters: null, ...parts, make: parts.make as Transform<Result>['make'] };
}

/** A transform that makes text files, line by line, so that they may be larger than memory. */
export function transformToText<const Inputs extends readonly Step[]>(
  parts: TransformParts<Inputs, Readonly<Record<string, Lines>>>,
): Transform<TextFiles> {
  return { kind: 'transform', parameters: null, schema: undefined, ...parts, make: parts.make as Transform<TextFiles>['make'] };
}

/** What has to be there before a step can be done. */
export function inputsOf(step: Step): readonly Step[] {
  switch (step.kind) {
    case 'train':
      return Object.values(step.made);
    case 'translate':
    case 'list':
      return step.models;
    case 'score':
      return [...step.models, step.list];
    case 'transform':
      return step.inputs;
  }
}
