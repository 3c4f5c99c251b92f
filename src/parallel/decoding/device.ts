import { DecadeError } from '../../core/errors.js';
import { LocalDecodingExecutor, type PlacedModel } from '../../decoding/local-executor.js';
import { createModel } from '../../models/create.js';
import type { Device } from '../../tensor/device.js';
import { Memory } from '../../tensor/memory.js';
import { type BeginDecodingMessage, type DecodingReply, type DecodingRequest, packHypotheses, packScores, refusal } from './messages.js';
import { unpackPairs } from '../messages.js';

/**
 * A device thread's part in decoding: its own arenas, packed weights and search, on models whose parameters are in shared
 * memory. Between two requests the thread is free for others.
 */
export class DecodingDevice {
  readonly #open: (memory: Memory, gemm: string | undefined) => Promise<Device>;
  readonly #existing: () => Device | undefined;
  readonly #report: (reply: DecodingReply) => void;
  /** Opened for the models that are decoded with. */
  readonly #devices = new Map<WebAssembly.Memory, Device>();
  #executor: LocalDecodingExecutor | undefined;
  #underWay: AbortController | undefined;

  /**
   * `existing` gives the device that trains on this thread, for models in its memory; `open` opens one on another memory. `report` posts
   * what is no answer.
   */
  constructor(
    existing: () => Device | undefined,
    open: (memory: Memory, gemm: string | undefined) => Promise<Device>,
    report: (reply: DecodingReply) => void,
  ) {
    this.#existing = existing;
    this.#open = open;
    this.#report = report;
  }

  /** The reply; undefined for what needs none. Only an error that a caller can cause is an answer, others are thrown. */
  async answer(request: DecodingRequest): Promise<DecodingReply | undefined> {
    switch (request.kind) {
      case 'begin-decoding':
        await this.#begin(request);
        return { kind: 'decoding' };
      case 'end-decoding':
        await this.#executor?.dispose();
        this.#executor = undefined;
        for (const { matrix } of this.#devices.values()) matrix.dispose();
        this.#devices.clear();
        return { kind: 'decoding' };
      case 'cancel':
        this.#underWay?.abort(new DecadeError('usage', { where: 'search', received: 'a request to stop' }));
        return undefined;
      case 'search':
      case 'score': {
        if (this.#executor === undefined) throw new Error('decoding must begin first');
        this.#underWay = new AbortController();
        const { signal } = this.#underWay;
        try {
          if (request.kind === 'score')
            return { kind: 'scored', ...packScores(await this.#executor.score(unpackPairs(request.pairs), { signal })) };
          const sentences = unpackPairs(request.sentences).map(({ source, target: prefix, key }, index) => ({
            source,
            prefix,
            line: key < 0 ? undefined : key,
            phrases: request.phrases?.[index],
          }));
          const onProgress = (progress: Extract<DecodingReply, { kind: 'progress' }>['progress']) =>
            this.#report({ kind: 'progress', progress });
          return {
            kind: 'searched',
            hypotheses: packHypotheses(await this.#executor.search(sentences, request.options, { signal, onProgress })),
          };
        } catch (error) {
          if (error instanceof DecadeError) return refusal(error);
          throw error;
        }
      }
    }
  }

  async #begin({ gemm, members }: BeginDecodingMessage): Promise<void> {
    const placed: PlacedModel[] = [];
    for (const { memory, options, vocabularies, parameters, integers } of members) {
      const device = await this.#deviceOn(memory, gemm);
      const model = createModel(options, vocabularies);
      model.parameters.attach(device.memory, parameters);
      placed.push({ model, device, integers });
    }
    this.#executor = LocalDecodingExecutor.across(placed);
  }

  async #deviceOn(webAssembly: WebAssembly.Memory | undefined, gemm: string | undefined): Promise<Device> {
    const known = webAssembly === undefined ? this.#existing() : this.#devices.get(webAssembly);
    if (known !== undefined) return known;
    if (webAssembly === undefined) throw new Error('a device must train before it decodes what it trains');
    const device = await this.#open(new Memory({ shared: true, existing: webAssembly }), gemm);
    this.#devices.set(webAssembly, device);
    return device;
  }
}
