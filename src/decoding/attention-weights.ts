import { type AttendedToken, type AttentionWeights, specialIds, type StepModel } from '../models/model.js';
import type { Device } from '../tensor/device.js';

/**
 * What a model looks at while it writes a target after a source (empty, for a language model), for each kind of attention that it has:
 * by layer and head where the model tells, else what it says of a step. Empty for a model without attention.
 */
export function attentionWeights(
  model: Pick<StepModel, 'attentionReader' | 'decode' | 'vocabularies'>,
  device: Device,
  pair: { readonly source: ArrayLike<number>; readonly target: ArrayLike<number> },
): AttentionWeights[] {
  if (model.attentionReader !== undefined) return model.attentionReader.read(device, pair);
  const [source, target] = [Array.from(pair.source), Array.from(pair.target)];
  const { begin, end } = specialIds(model.vocabularies).target;
  const session = model.decode(device, [source]);
  try {
    const read = session.read([[begin, ...target]]);
    if (read.attention === undefined) return [];
    const rows = [...(read.given(0).attention ?? []), read.attention(0)];
    const of = (side: AttendedToken['side'], ids: readonly number[]) => ids.map((id) => ({ side, id }));
    const weights = Float32Array.from(rows.flatMap((row) => Array.from(row)));
    return [{ name: 'attention', queries: of('target', [...target, end]), keys: of('source', source), layers: [[weights]] }];
  } finally {
    session.dispose();
  }
}
