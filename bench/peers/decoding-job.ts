import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { Run } from '../../src/checkpoint/run.js';
import { batchesByLength, searchLimits } from '../../src/decoding/batches.js';
import { resolveDecodingOptions } from '../../src/decoding/options.js';
import { createModel } from '../../src/models/create.js';
import { nodeFiles } from '../../src/node/files/files.js';
import { describeRun } from '../../src/training/run-description.js';
import { NoResult } from './program.js';

/** What a peer needs to translate what decade translates. */
export interface DecodingJob {
  /** Path of the safetensors file. */
  readonly weights: string;
  readonly layers: number;
  readonly reverseSource: boolean;
  /** Dot attention, or none. */
  readonly attention: boolean;
  /** Exponent of the length that divides a translation's log-probability. */
  readonly lengthPenalty: number;
  /** Source ids of every sentence, in the batches that decade makes: of like length, longest first. */
  readonly batches: readonly (readonly (readonly number[])[])[];
  /** The place of each of those sentences among the lines. */
  readonly lines: readonly (readonly number[])[];
}

/** Lines spread evenly over the file; empty ones are left out. */
export function spreadLines(text: string, count: number): string[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length <= count) return lines;
  return Array.from({ length: count }, (_, index) => lines[Math.floor((index * lines.length) / count)] as string);
}

/**
 * Reads a run and tokenizes lines, with the tokenizer and into the batches that decade itself uses, and writes the job
 * to a file.
 *
 * @throws NoResult for a model that the peer cannot compute
 */
export async function writeDecodingJob(run: string, lines: readonly string[], beam: number, path: string): Promise<DecodingJob> {
  const { model } = await describeRun(nodeFiles, run);
  const tokenizers = await (await Run.open(nodeFiles, run)).tokenizers();
  if (model.kind !== 'lstm' || model.attention === 'additive' || model.inputFeeding || model.bidirectional || model.residual) {
    throw new NoResult(`${run}: the peer knows LSTMs without attention or with dot attention, and nothing added to them`);
  }
  const vocabularies = { source: tokenizers.source.size, target: tokenizers.target.size };
  const { lengthPenalty, batch } = resolveDecodingOptions({});
  const ids = lines.map((line) => tokenizers.source.encode(line));
  const places = batchesByLength(
    ids.map(({ length }) => length),
    searchLimits(
      batch,
      createModel(model, vocabularies).decodingMemory,
      ids.map((source) => ({ source })),
      { beam },
    ),
  );
  const job: DecodingJob = {
    weights: resolve(run, 'model.safetensors'),
    layers: model.layers,
    reverseSource: model.reverseSource,
    attention: model.attention === 'dot',
    lengthPenalty: lengthPenalty.alpha,
    batches: places.map((batch) => batch.map((place) => ids[place] as number[])),
    lines: places,
  };
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, JSON.stringify(job));
  return job;
}

export const readLines = (path: string, count: number): string[] => spreadLines(readFileSync(path, 'utf8'), count);
