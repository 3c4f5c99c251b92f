import { MeasuredRoom } from '../memory.js';
import { expectMatrix, type Operation } from '../operation.js';
import type { Scope } from '../device.js';
import type { Tensor } from '../tensor.js';
import { DecadeError } from '../../core/errors.js';
import type { HeadAttributes } from './multi-head.js';

export interface RelativeBiasAttributes {
  /** The longest memory that is attended to. */
  readonly reach: number;
  /** Whether buckets are for keys on both sides of the query, or all for those before it. */
  readonly sight: HeadAttributes['sight'];
  /** From this distance on all are in one bucket. */
  readonly maximumDistance: number;
}

/**
 * bias [heads, distances], as of `biasReach`: for each distance the row of its bucket in a table [buckets, heads] (Raffel et al. 2020,
 * section 2.1). Every layer of a pass adds the same one.
 */
export const relativeBias: Operation<{ table: Tensor }, RelativeBiasAttributes, { bias: Tensor }, undefined> = {
  name: 'relativeBias',
  sparse: [],
  forgets: () => ['table'],

  check({ table }, { reach, sight, maximumDistance }) {
    const [buckets] = expectMatrix('relativeBias', 'table', table);
    const unit = sight === 'whole' ? 4 : 2;
    if (reach >= 1 && buckets % unit === 0 && maximumDistance > buckets / unit) return;
    throw new DecadeError('shape', {
      where: 'relativeBias',
      received: `${buckets} buckets up to ${maximumDistance}, reach ${reach}`,
      allowed: `a multiple of ${unit} buckets, up to more than ${buckets / unit}, reach 1 or more`,
    });
  },

  forward(scope, { table }, attributes) {
    const { reach, sight } = attributes;
    const bias = scope.kept([table.dimension(1), sight === 'causal' ? reach : 2 * reach - 1]);
    each(scope, table, bias, attributes, (fromTable, ofBias, row, place) => {
      ofBias[place] = fromTable[row] as number;
    });
    return { outputs: { bias }, saved: undefined };
  },

  gradient(scope, { attributes }, { bias: dBias }, { table: dTable }) {
    if (dBias === undefined || dTable === undefined) return;
    each(scope, dTable, dBias, attributes, (toTable, ofBias, row, place) => {
      toTable[row] = (toTable[row] as number) + (ofBias[place] as number);
    });
  },
};

/** Each value of a bias with that of its bucket. */
function each(
  scope: Scope,
  table: Tensor,
  bias: Tensor,
  { reach, sight, maximumDistance }: RelativeBiasAttributes,
  visit: (table: Float32Array, bias: Float32Array, bucketPlace: number, biasPlace: number) => void,
): void {
  if (scope.arena instanceof MeasuredRoom) return;
  const [buckets, heads, distances] = [table.dimension(0), table.dimension(1), bias.dimension(1)];
  const [ofTable, ofBias] = [table.f32, bias.f32];
  for (let column = 0; column < distances; column++) {
    const bucket = relativeBucket(column - (reach - 1), { buckets, sight, maximumDistance });
    for (let head = 0; head < heads; head++) visit(ofTable, ofBias, bucket * heads + head, head * distances + column);
  }
}

/**
 * The bucket of a distance, negative where the key is before the query. Half of the buckets of a side are for one distance each, the rest
 * for ranges that grow by a factor up to the greatest distance. Rounded to 32 bits as where the published models were trained: a
 * range may begin exactly at a distance.
 */
export function relativeBucket(
  distance: number,
  { buckets, sight, maximumDistance }: Pick<RelativeBiasAttributes, 'sight' | 'maximumDistance'> & { readonly buckets: number },
): number {
  const count = sight === 'whole' ? buckets / 2 : buckets;
  const first = sight === 'whole' && distance > 0 ? count : 0;
  const away = sight === 'whole' ? Math.abs(distance) : Math.max(0, -distance);
  const exact = count / 2;
  if (away < exact) return first + away;
  const grown = Math.fround(Math.fround(Math.log(Math.fround(away / exact))) / Math.fround(Math.log(maximumDistance / exact)));
  return first + Math.min(count - 1, exact + Math.floor(Math.fround(grown * (count - exact))));
}
