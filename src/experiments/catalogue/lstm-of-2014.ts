import { DecadeError } from '../../core/errors.js';
import type { LstmOptions } from '../../models/lstm/options.js';
import type { Configuration } from '../../training/configuration.js';
import { varied } from '../base.js';
import type { OwnOptions, Study } from '../experiment.js';
import { type Train, train } from '../steps.js';

/** The paper whose experiments vary the depth, direction and size of an LSTM. */
export const paper = 'Sutskever, Vinyals and Le, 2014';

export interface LstmConfiguration extends Configuration {
  readonly model: LstmOptions;
}

/** Throws `usage` for a model that is not an LSTM. */
export function lstmConfiguration({ base: { configuration } }: Pick<Study<OwnOptions>, 'base'>): LstmConfiguration {
  requireLstm(configuration);
  return configuration;
}

function requireLstm(configuration: Configuration): asserts configuration is LstmConfiguration {
  const kind: string = configuration.model.kind;
  if (kind === 'lstm') return;
  throw new DecadeError('usage', {
    where: 'reproduce, model.kind',
    received: kind,
    allowed: `lstm: the experiments of ${paper} vary its depth, direction and size`,
  });
}

/** The configuration with the source read forward or reversed, once per seed. All experiments use these, so they share the models. */
export function directedConfigurations(
  study: Pick<Study<OwnOptions>, 'base'>,
  direction: 'forward' | 'reversed',
  seeds: number,
): LstmConfiguration[] {
  const configuration = lstmConfiguration(study);
  const { seed } = configuration.training;
  return Array.from({ length: seeds }, (_, index) =>
    varied(configuration, { model: { reverseSource: direction === 'reversed' }, training: { seed: seed + index } }),
  );
}

/** Trainings of these configurations. */
export function directed(study: Pick<Study<OwnOptions>, 'base'>, direction: 'forward' | 'reversed', seeds: number): Train[] {
  return directedConfigurations(study, direction, seeds).map((configuration) => train(configuration));
}
