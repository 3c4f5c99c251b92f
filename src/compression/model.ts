import { DecadeError } from '../core/errors.js';
import type { BitModel } from './bit-model.js';
import { BitsOfBytes, type BytePredictor } from './byte-predictor.js';
import { CountingModel } from './counting-model.js';
import type { Coding, TrainedIdentity } from './header.js';
import type { Engine } from './network/kernel-memory.js';
import { LearningNetwork } from './network/learning-network.js';
import { TrainedBytes, type TrainedModel } from './trained-model.js';

/** What a model may be made of, besides what the file says. */
export interface ModelSources {
  /** Needed for what was compressed with it. */
  readonly trained?: TrainedModel | undefined;
  /** What computes a network; the bits are the same. Default: WebAssembly. */
  readonly engine?: Engine | undefined;
}

/** Weights of a network are so many times the slots of a context. */
const networkBits = 4;

/**
 * What predicts a file that is coded so.
 *
 * @throws DecadeError `input` without the trained model that the file needs, with another, and where it computes other bits
 */
export async function bitModel(coding: Coding, sources: ModelSources, name: string): Promise<BitModel> {
  if (coding.kind === 'counting') return new CountingModel(coding.memory);
  const bits = new BitsOfBytes(await bytePredictor(coding, sources, name));
  return coding.mixed ? new CountingModel(coding.memory, bits) : bits;
}

async function bytePredictor(
  coding: Exclude<Coding, { kind: 'counting' }>,
  { trained, engine }: ModelSources,
  name: string,
): Promise<BytePredictor> {
  const prior = coding.trained && requireSame(coding.trained, trained, name).start();
  if (coding.network !== undefined)
    return LearningNetwork.create({ bits: coding.memory + networkBits, cells: coding.network.cells, engine, prior });
  if (prior === undefined) throw new Error('a coding without a model');
  return TrainedBytes.create(prior);
}

function requireSame(coding: TrainedIdentity, trained: TrainedModel | undefined, name: string): TrainedModel {
  const refused = (received: string, next: string) =>
    new DecadeError('input', {
      where: name,
      received,
      allowed: `the model that it was compressed with (${written(coding.identity)}…)`,
      next,
    });
  if (trained === undefined) throw refused('a file that was compressed with a trained model, and none', 'name the model with -m');
  if (!trained.identity.every((byte, place) => byte === coding.identity[place])) {
    throw refused(
      `${trained.name} (${written(trained.identity)}…)`,
      'name with -m the model as it was then: training it further makes it another',
    );
  }
  if (trained.check !== coding.check) {
    throw refused(
      `other bits of ${trained.name} on this machine`,
      'decompress with the version of decade, and of Node, that compressed it',
    );
  }
  return trained;
}

/** The first bytes, in hexadecimal. */
function written(identity: Uint8Array): string {
  return Array.from(identity.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
