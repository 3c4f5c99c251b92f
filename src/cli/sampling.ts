import type { Command } from 'commander';
import { resolveOptions } from '../core/options.js';
import { samplingOptions } from '../decoding/sampling-options.js';
import { numberFrom, wholeNumber } from './arguments.js';

/** How to sample, as every command that does takes it: the library's options by its names. */
export interface SamplingChoice {
  samples?: number;
  seed?: number;
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  typical?: number;
  repetitionPenalty?: number;
}

const names = ['samples', 'seed', 'temperature', 'topK', 'topP', 'minP', 'typical', 'repetitionPenalty'] as const;

export function withSamplingOptions(command: Command): Command {
  const { samples, seed, temperature, topP, minP, typical, repetitionPenalty } = samplingOptions.parse({});
  return command
    .option('--samples <number>', `samples per line (default: ${samples})`, wholeNumber(1, 1000))
    .option('--seed <number>', `the same seed gives the same text (default: ${seed})`, wholeNumber(0, 0xffff_ffff))
    .option('--temperature <number>', `below 1 likely tokens become likelier; 0: greedy (default: ${temperature})`, numberFrom(0, 100))
    .option('--top-k <tokens>', 'draw from this many of the likeliest tokens (default: all)', wholeNumber(1, 10_000_000))
    .option(
      '--top-p <probability>',
      `nucleus sampling: from the likeliest tokens with this probability together (default: ${topP})`,
      numberFrom(0, 1),
    )
    .option('--min-p <fraction>', `from tokens at least this fraction as probable as the likeliest (default: ${minP})`, numberFrom(0, 1))
    .option(
      '--typical <probability>',
      `from the most typical tokens with this probability together (default: ${typical})`,
      numberFrom(0, 1),
    )
    .option(
      '--repetition-penalty <number>',
      `make tokens that the text already has less likely, above 1 (default: ${repetitionPenalty})`,
      numberFrom(0.01, 100),
    );
}

/** Those of the options that were given. Throws `usage` for what the library would refuse, before anything is read or computed. */
export function samplingOf(choice: SamplingChoice): SamplingChoice {
  const given = Object.fromEntries(names.flatMap((name) => (choice[name] === undefined ? [] : [[name, choice[name]]])));
  resolveOptions(samplingOptions, given, 'sampling options');
  return given;
}
