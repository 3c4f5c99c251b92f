import { isRecord } from '../core/records.js';
import type { TrainingOptions } from './options.js';

/**
 * A configuration as it is written today, of one that may count `words` where tokens are meant: `normalise: words` and
 * `batch: { words: N }`. What is not a configuration comes back as it is, for the schema to refuse.
 */
export function withCurrentNames(configuration: unknown): unknown {
  if (!isRecord(configuration) || !isRecord(configuration.training)) return configuration;
  const { training } = configuration;
  return {
    ...configuration,
    training: {
      ...training,
      ...(training.normalise === 'words' && { normalise: 'tokens' }),
      // With both keys, the old one stays and is reported as unknown.
      ...(isRecord(training.batch) && !Object.hasOwn(training.batch, 'tokens') && { batch: renamed(training.batch) }),
    },
  };
}

/** The opposite: addresses of results are hashes of these names, and results made under them must be found again. */
export function withFormerNames(training: TrainingOptions): Record<string, unknown> {
  const { normalise, batch } = training;
  return {
    // The hash depends on the order of the keys, which this keeps.
    ...training,
    normalise: normalise === 'tokens' ? 'words' : normalise,
    batch: 'tokens' in batch ? { words: batch.tokens } : batch,
  };
}

function renamed(batch: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(batch).map(([key, value]) => [key === 'words' ? 'tokens' : key, value]));
}
