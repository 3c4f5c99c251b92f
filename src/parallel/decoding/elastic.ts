import type { DecadeError } from '../../core/errors.js';
import { unlessAborted } from '../../core/event-loop.js';
import type { BatchDecoder, DecodingExecutor } from '../../decoding/executor.js';
import { DecodingDevices, type DecodingDevicesOptions, type DecodingThread } from './devices.js';
import type { DecodingReply, DecodingRequest } from './messages.js';
import type { Runtime } from '../runtime.js';
import { RemoteDevice } from '../group/remote-device.js';

export interface ElasticDecodingOptions extends DecodingDevicesOptions {
  readonly runtime: Pick<Runtime, 'startThread'>;
  /** Computes on this thread; becomes the executor's to dispose. */
  readonly local: BatchDecoder & DecodingExecutor;
  /** 1: only this thread. More need a shared memory. */
  readonly devices: number;
  /** Starts devices of other processes, beside those here. `died` is called when one will never answer again. */
  readonly others?: ((died: (failure: DecadeError) => void) => Promise<OtherDecoders>) | undefined;
  /** Multiplications that a row costs. */
  readonly rowCost: number;
  /** Multiplications from which on threads are started. Default: some tenths of a second of work; any, where there are `others`. */
  readonly worthStarting?: number | undefined;
  /** Multiplications from which on threads that have been started are used. Default: some hundredths of a second of work. */
  readonly worthUsing?: number | undefined;
}

/** Devices of other processes on which decoding has begun, with copies of the same models. */
export interface OtherDecoders {
  readonly threads: readonly DecodingThread[];
  end(): Promise<void>;
}

/**
 * This thread's device for little work, so that a line that is typed is answered at once; all devices for much. Their threads
 * are started when first needed, and stay.
 */
export class ElasticDecodingExecutor implements DecodingExecutor {
  readonly #options: ElasticDecodingOptions;
  #threads: RemoteDevice<DecodingRequest, DecodingReply>[] = [];
  #others: OtherDecoders | undefined;
  #decoding: Promise<DecodingDevices> | undefined;
  /** Ends when all threads that were told to end have: until then they may read parameters. */
  #ended: Promise<unknown> = Promise.resolve();

  constructor(options: ElasticDecodingOptions) {
    this.#options = options;
  }

  async decoderFor(rows: number, signal?: AbortSignal): Promise<BatchDecoder> {
    const { local, devices, others, rowCost, worthStarting = others === undefined ? 2e10 : 0, worthUsing = 2e9 } = this.#options;
    const isWorthIt = rows * rowCost >= (this.#decoding === undefined ? worthStarting : worthUsing);
    if ((devices === 1 && others === undefined) || !isWorthIt) return local;
    await unlessAborted(this.#ended, signal);
    this.#decoding ??= this.#start();
    return unlessAborted(this.#decoding, signal);
  }

  async dispose(): Promise<void> {
    await this.#end();
    await this.#options.local.dispose();
  }

  async #start(): Promise<DecodingDevices> {
    // After one has died, the next call starts new ones.
    const died = (failure: DecadeError) => void this.#end(failure);
    const next = 'translate again, with fewer devices if necessary';
    const { runtime, devices, others } = this.#options;
    const start = (_: unknown, device: number) =>
      new RemoteDevice<DecodingRequest, DecodingReply>(runtime.startThread(), `device ${device}`, died, next);
    // Kept here too: when one dies before all have begun, its failure is what beginning ends with.
    const threads = Array.from({ length: devices }, start);
    this.#threads = threads;
    try {
      this.#others = await others?.(died);
      return await DecodingDevices.begin(threads, { ...this.#options, begun: this.#others?.threads });
    } catch (error) {
      await this.#end();
      throw error;
    }
  }

  async #end(reason?: DecadeError): Promise<void> {
    const [threads, others] = [this.#threads, this.#others];
    this.#threads = [];
    this.#others = undefined;
    this.#decoding = undefined;
    this.#ended = Promise.all([this.#ended, ...threads.map((thread) => thread.terminate(reason)), others?.end()]);
    await this.#ended;
  }
}
