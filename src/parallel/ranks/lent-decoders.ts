import { createModel } from '../../models/create.js';
import { PlacedValues } from '../../tensor/named-values.js';
import { type DecodingRequest, type SharedModel, sharedModel } from '../decoding/messages.js';
import type { CommonReply } from '../group/remote-device.js';
import { Memories } from '../memories.js';
import type { DeviceThread, RankNetwork, Runtime } from '../runtime.js';
import type { RankRequest } from './messages.js';
import type { RankPlacement } from './rank-devices.js';

/** Decoding devices that this rank lends, each of which rank 0 reaches as if it were a thread of its own; and their models, in memories here. */
export class LentDecoders {
  readonly placement: RankPlacement;
  /** Of each model; rank 0 sets them. */
  readonly parameters: readonly PlacedValues[];
  readonly #memories: Memories;
  readonly #threads: readonly DeviceThread[];

  static async start(
    runtime: Runtime,
    network: RankNetwork,
    { models: described, gemm, devices }: Extract<RankRequest, { kind: 'decode' }>,
  ): Promise<LentDecoders> {
    const memories = new Memories(runtime);
    // Opened here first, so that all threads use the library that is chosen once.
    const { matrix, kernels } = await runtime.openDevice(memories.withRoom(0), { gemm });
    matrix.dispose();
    const placed = described.map(({ options, vocabularies, integers }) => {
      const model = createModel(options, vocabularies);
      const memory = memories.withRoom(4 * model.parameters.count);
      model.parameters.allocate(memory);
      return { parameters: PlacedValues.of(model.parameters), shared: sharedModel(model, options, memory, integers) };
    });
    const members = placed.map(({ shared }) => shared);
    const threads = Array.from({ length: devices }, (_, device) => {
      const thread = runtime.startThread();
      connect(network.linkTo(0, 1 + device), thread, members);
      return thread;
    });
    const parameters = placed.map((model) => model.parameters);
    return new LentDecoders({ gemm: matrix.name, precision: matrix.precision, kernels: kernels.variant }, parameters, memories, threads);
  }

  private constructor(placement: RankPlacement, parameters: readonly PlacedValues[], memories: Memories, threads: readonly DeviceThread[]) {
    this.placement = placement;
    this.parameters = parameters;
    this.#memories = memories;
    this.#threads = threads;
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()));
    await this.#memories.release();
  }
}

/** Passes on what rank 0 and the thread say to each other. The models that it begins with are those of this process. */
function connect(link: DeviceThread, thread: DeviceThread, members: readonly SharedModel[]): void {
  link.listen({
    message: (message) => {
      const request = message as DecodingRequest;
      thread.post(request.kind === 'begin-decoding' ? { ...request, members } : request);
    },
    // Rank 0 is gone: the lender ends its threads.
    failure: () => undefined,
  });
  thread.listen({
    message: (message) => link.post(message),
    failure: (message) => link.post({ kind: 'failed', message } satisfies CommonReply),
  });
}
