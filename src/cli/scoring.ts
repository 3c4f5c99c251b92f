import { type Command, InvalidArgumentError, Option } from 'commander';
import { bleuOptions } from '../metrics/bleu.js';
import { type ScoringOptions, scoringMetrics, scoringOptions } from '../metrics/scoring-options.js';
import { bleuTokenizers, tokenizerRefusal } from '../metrics/tokenization.js';
import { names, numberFrom } from './arguments.js';

/** Scoring options common to all commands that score, under the library's names. */
export interface ScoringChoice {
  metrics: string[];
  tokenize?: string;
  lowercase?: boolean;
  smooth?: string;
  smoothValue?: number;
}

export function withScoringOptions(command: Command): Command {
  const { metrics } = scoringOptions.parse({});
  const tokenizers = Object.keys(bleuTokenizers).join(', ');
  const smoothing = bleuOptions.shape.smooth.unwrap().options;
  return command
    .addOption(new Option('--metrics <names>', 'bleu, chrf, chrf++, ter, exact').argParser(names).default(metrics, metrics.join(',')))
    .addOption(
      new Option('--tokenize <rules>', `tokenization for BLEU: ${tokenizers} (split at spaces); zh for Chinese (default: 13a)`).argParser(
        tokenizer,
      ),
    )
    .option('--lowercase', 'ignore case, which TER always does')
    .addOption(new Option('--smooth <method>', 'smoothing of zero precisions in BLEU (default: exp)').choices(smoothing))
    .option('--smooth-value <number>', 'for the smoothing floor (default: 0.1) and add-k (default: 1)', numberFrom(0));
}

function tokenizer(name: string): string {
  if (Object.hasOwn(bleuTokenizers, name)) return name;
  throw new InvalidArgumentError(tokenizerRefusal({ input: name }));
}

/** The options for the library. Throws `usage` for invalid ones, before anything is read or translated. */
export function scoringOf({ metrics, tokenize, lowercase, smooth, smoothValue }: ScoringChoice): ScoringOptions {
  const options = { metrics, tokenize, lowercase, smooth, smoothValue } as ScoringOptions;
  scoringMetrics(options);
  return options;
}
