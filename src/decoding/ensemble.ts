import { DecadeError } from '../core/errors.js';
import type { DecodingMemory, DecodingSession, LengthLimits, ReadOutput, StepModel, StepOutput, VocabularySizes } from '../models/model.js';
import { type Device, Scope } from '../tensor/device.js';
import { Arena } from '../tensor/memory.js';
import { averageLogProbabilities, logSoftmax } from '../tensor/operations/search.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { meanProbabilities } from './ensemble-score.js';
import type { TranslationModel } from './translation-model.js';

/**
 * Several models as one, which predicts the mean of their probabilities (Sutskever et al. 2014, section 3.6 and table 1).
 * They may differ in everything but their tokenizers.
 *
 * @throws DecadeError `usage` for no model, or for models with different vocabularies
 */
export function ensemble<Member extends EnsembleMember>(members: readonly Member[]): Member {
  const [first, ...others] = members;
  if (first === undefined) {
    throw new DecadeError('usage', { where: 'ensemble', received: 'no model', allowed: 'at least one' });
  }
  if (others.length === 0) return first;
  const withoutProbabilities = members.find(({ model }) => model.sentenceSearch !== undefined);
  if (withoutProbabilities !== undefined) {
    throw new DecadeError('usage', {
      where: `ensemble with ${withoutProbabilities.name}`,
      received: 'a model that searches whole sentences and has no probabilities of tokens',
      allowed: 'models that predict token by token',
      next: 'write its n-best list with decade translate --nbest, and rescore that with the others: decade rescore',
    });
  }
  for (const other of others) {
    requireSameVocabulary(first, other, 'source');
    requireSameVocabulary(first, other, 'target');
  }
  return {
    ...first,
    name: members.map(({ name }) => name).join(','),
    model: ensembleModel(members.map(({ model }) => model)),
  };
}

/** What models that vote must have in common, and by what they are told apart. */
export interface EnsembleMember extends Pick<TranslationModel, 'name' | 'model' | 'targetTokenizer'> {
  /** Undefined for a language model. */
  readonly sourceTokenizer?: Tokenizer | undefined;
}

/** As `ensemble`, of models whose vocabularies are known to be the same. */
export function ensembleModel(members: readonly StepModel[]): StepModel {
  const [first, ...others] = members;
  if (first === undefined) throw new RangeError('an ensemble needs at least one model');
  return others.length === 0 ? first : new EnsembleModel(members, first.vocabularies);
}

function requireSameVocabulary(first: EnsembleMember, other: EnsembleMember, side: 'source' | 'target'): void {
  const [one, two] = [first, other].map((member) => ({
    tokenizer: side === 'source' ? member.sourceTokenizer : member.targetTokenizer,
    size: member.model.vocabularies[side],
  })) as [VocabularyOf, VocabularyOf];
  if (one.size === two.size && (one.tokenizer === two.tokenizer || one.tokenizer?.toJson() === two.tokenizer?.toJson())) return;
  const described = ({ tokenizer, size }: VocabularyOf) =>
    tokenizer === undefined || size === undefined
      ? 'language model, which has no vocabulary'
      : `${tokenizer.kind} vocabulary of ${size.toLocaleString('en')}`;
  const difference = described(one) === described(two) ? `another ${described(two)} with other tokens` : `a ${described(two)}`;
  throw new DecadeError('usage', {
    where: `ensemble of ${first.name} and ${other.name}`,
    received: `${difference} on the ${side} side of the second`,
    allowed: `the same tokenizers as the first: ${described(one)}`,
    next: 'train all members of an ensemble with the same tokenizer files',
  });
}

type VocabularyOf = { tokenizer: Tokenizer | undefined; size: number | undefined };

class EnsembleModel implements StepModel {
  readonly vocabularies: VocabularySizes;
  readonly #members: readonly StepModel[];

  constructor(members: readonly StepModel[], vocabularies: VocabularySizes) {
    this.#members = members;
    this.vocabularies = vocabularies;
  }

  get parameters(): StepModel['parameters'] {
    return this.#members.flatMap(({ parameters }) => [...parameters]);
  }

  /** That of all members, and two matrices in which their probabilities are averaged. */
  get decodingMemory(): DecodingMemory {
    const sum = (of: keyof DecodingMemory) => this.#members.reduce((total, { decodingMemory }) => total + decodingMemory[of], 0);
    return { perGivenToken: sum('perGivenToken'), perRow: sum('perRow') + 2 * 4 * this.vocabularies.target, perStep: sum('perStep') };
  }

  /** What every member has room for. */
  get lengthLimits(): LengthLimits | undefined {
    const limits = this.#members.flatMap(({ lengthLimits }) => lengthLimits ?? []);
    if (limits.length === 0) return undefined;
    return {
      source: Math.min(...limits.map(({ source }) => source)),
      target: (sourceTokens) => Math.min(...limits.map(({ target }) => target(sourceTokens))),
      positions: (sourceTokens, predicted) => Math.max(...limits.map(({ positions }) => positions(sourceTokens, predicted))),
    };
  }

  get beginsPrompts(): boolean {
    return this.#members.every(({ beginsPrompts = true }) => beginsPrompts);
  }

  decode(device: Device, sources: readonly ArrayLike<number>[]): DecodingSession {
    const sessions: DecodingSession[] = [];
    try {
      for (const member of this.#members) sessions.push(member.decode(device, sources));
    } catch (error) {
      for (const session of sessions) session.dispose();
      throw error;
    }
    return new EnsembleSession(device, sessions);
  }
}

/** Sessions that step together. What they give as logits are log-probabilities, which a softmax leaves as they are. */
class EnsembleSession implements DecodingSession {
  readonly #members: readonly DecodingSession[];
  readonly #scope: Scope;

  constructor(device: Device, members: readonly DecodingSession[]) {
    this.#members = members;
    this.#scope = new Scope(device, new Arena(device.memory));
  }

  get rows(): number {
    return this.#members[0]?.rows ?? 0;
  }

  read(ids: readonly ArrayLike<number>[]): ReadOutput {
    const outputs = this.#members.map((member) => member.read(ids));
    return {
      ...this.#together(outputs),
      given: (row) => {
        const members = outputs.map((output) => output.given(row));
        const [first, ...others] = members.flatMap(({ attention }) => (attention === undefined ? [] : [attention]));
        return {
          logProbabilities: meanProbabilities(members.map(({ logProbabilities }) => logProbabilities)),
          attention: first?.map((weights, token) => mean([weights, ...others.map((other) => other[token] as Float32Array)])),
        };
      },
    };
  }

  step(previousIds: Int32Array): StepOutput {
    return this.#together(this.#members.map((member) => member.step(previousIds)));
  }

  #together(outputs: readonly StepOutput[]): StepOutput {
    this.#scope.arena.reset();
    const logits = averageLogProbabilities(
      this.#scope,
      outputs.map((output) => logSoftmax(this.#scope, output.logits, output.bias)),
    );
    const attending = outputs.flatMap((output) => (output.attention === undefined ? [] : [output.attention]));
    return attending.length === 0 ? { logits } : { logits, attention: (row) => mean(attending.map((attention) => attention(row))) };
  }

  select(rows: Int32Array): void {
    for (const member of this.#members) member.select(rows);
  }

  dispose(): void {
    for (const member of this.#members) member.dispose();
    this.#scope.arena.dispose();
  }
}

function mean(distributions: readonly Float32Array[]): Float32Array {
  const [first = new Float32Array(0)] = distributions;
  return first.map((_, position) => distributions.reduce((sum, each) => sum + (each[position] as number), 0) / distributions.length);
}
