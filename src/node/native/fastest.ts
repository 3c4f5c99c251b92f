import { type MatrixProvider, matrixIdentity } from '../../tensor/matrix.js';
import type { Speed } from './calibration.js';
import type { CalibrationResult } from './machine-record.js';

/** Of two that are not further apart, the one that is listed first is taken: measurements on a busy machine vary. */
const noise = { ofLibraries: 1.05, ofPackings: 1.15 };
/** What was chosen before stays unless another is faster by more than this: its bits are those of all that was computed so far. */
const worthOtherBits = 1.25;

/**
 * The fastest candidate that passed its self-check. Packings of one library differ only in packed products.
 *
 * @param results  by identity of provider and packing
 * @param before   the identity of what was chosen when it was measured the last time
 */
export function fastest<Candidate extends { readonly provider: MatrixProvider }>(
  candidates: readonly Candidate[],
  results: Readonly<Record<string, CalibrationResult>>,
  before?: string,
): Candidate | undefined {
  const ranked = candidates.flatMap((candidate) => {
    const speed = results[matrixIdentity(candidate.provider)];
    return speed === undefined || 'refused' in speed ? [] : [{ candidate, speed, name: candidate.provider.name }];
  });
  let [best] = ranked;
  for (const entry of ranked.slice(1)) {
    if (best !== undefined && gain(entry, best) > (entry.name === best.name ? noise.ofPackings : noise.ofLibraries)) best = entry;
  }
  const old = ranked.find(({ candidate }) => matrixIdentity(candidate.provider) === before);
  return best !== undefined && old !== undefined && gain(best, old) <= worthOtherBits ? old.candidate : best?.candidate;
}

interface Ranked {
  readonly name: string;
  readonly speed: Speed;
}

/** How many times as fast as the other. */
function gain(one: Ranked, other: Ranked): number {
  const [own, others] =
    one.name === other.name ? [one.speed.packedGflops, other.speed.packedGflops] : [one.speed.gflops, other.speed.gflops];
  // What was alone, and so not measured, is as fast as itself.
  return own === others ? 1 : own / others;
}
