import { modelOf } from '../analysis/cost/estimate.js';
import type { Files } from '../core/files.js';
import { contentHash } from '../data/content-hash.js';
import { type CorpusSource, pathsOf } from '../data/sources.js';
import { withFormerNames } from '../training/former-names.js';
import { inputsOf, type Step, type Train } from './steps.js';

/**
 * The address of each step: the hash of its description and of the addresses of its inputs. A corpus in files is identified by its
 * contents, wherever it is; a generated corpus by the address of its step, which is known before the corpus exists.
 */
export class Addresses {
  readonly #files: Files;
  readonly #contents = new Map<string, Promise<string>>();
  /** Inputs are shared by many steps; without this cache each would be hashed once per path that leads to it. */
  readonly #known = new WeakMap<Step, Promise<string>>();

  constructor(files: Files) {
    this.#files = files;
  }

  of(step: Step): Promise<string> {
    const address = this.#known.get(step) ?? this.#hashed(step);
    this.#known.set(step, address);
    return address;
  }

  async #hashed(step: Step): Promise<string> {
    const inputs = await this.all(inputsOf(step));
    switch (step.kind) {
      case 'train':
        return this.#ofTraining(step);
      case 'translate':
        return addressOf([...inputs, ...step.sentences.sources, `beam ${step.beam}`]);
      case 'list':
        return addressOf([...inputs, ...step.sentences.sources, `nbest ${step.size}`]);
      case 'score':
        return addressOf(inputs);
      case 'transform':
        return addressOf([step.name, `version ${step.version}`, JSON.stringify(step.parameters), ...inputs]);
    }
  }

  async all(steps: readonly Step[]): Promise<string[]> {
    const addresses: string[] = [];
    for (const step of steps) addresses.push(await this.of(step));
    return addresses;
  }

  /** Steps after their inputs, otherwise in order, each once. */
  async inOrder(steps: readonly Step[], seen = new Set<string>()): Promise<Step[]> {
    const ordered: Step[] = [];
    for (const step of steps) {
      const key = `${step.kind} ${await this.of(step)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      ordered.push(...(await this.inOrder(inputsOf(step), seen)), step);
    }
    return ordered;
  }

  /** `reversed-2x256-seed1-1f0c9a…`: the main options, for people, and the hash of everything else. */
  async #ofTraining({ configuration, made, init }: Train): Promise<string> {
    const { train, dev, ...rest } = configuration.data;
    const addressOfCorpus = (source: CorpusSource | undefined, step: Step | undefined) =>
      step === undefined ? this.ofCorpus(source) : this.of(step);
    const inputs = [await addressOfCorpus(train, made.train), await addressOfCorpus(dev, made.dev)];
    if (init !== undefined) inputs.push(await this.of(init));
    const hashed = { ...configuration, data: rest, training: withFormerNames(configuration.training) };
    const hash = await hashOf([JSON.stringify(hashed), ...inputs]);
    return `${modelOf(configuration).summary.runName}-seed${configuration.training.seed}-${hash.slice(0, 10)}`;
  }

  /** Of the contents of a corpus: for the parameters of a transform that reads it. */
  async ofCorpus(source: CorpusSource | undefined): Promise<string> {
    if (source === undefined) return '';
    const key = JSON.stringify(source);
    if ('generator' in source) return key;
    const contents =
      this.#contents.get(key) ??
      Promise.all(pathsOf(source).map((path) => contentHash(this.#files.stream(path)))).then((hashes) => hashes.join(' '));
    this.#contents.set(key, contents);
    return contents;
  }
}

/** The address of everything that determines a result. */
export async function addressOf(parts: readonly string[]): Promise<string> {
  return (await hashOf(parts)).slice(0, 16);
}

function hashOf(parts: readonly string[]): Promise<string> {
  return contentHash([new TextEncoder().encode(JSON.stringify(parts))]);
}
