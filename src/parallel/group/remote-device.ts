import { DecadeError } from '../../core/errors.js';
import type { DecodingReply } from '../decoding/messages.js';
import type { DeviceThread } from '../runtime.js';

type Common = Extract<DecodingReply, { kind: 'progress' | 'refused' }> | { readonly kind: 'failed'; readonly message: string };
type SearchProgress = Extract<DecodingReply, { kind: 'progress' }>['progress'];

const continueTraining = 'the last checkpoint stands: continue with --resume, if need be with fewer devices';

/** A device on another thread, with one request at a time in flight. */
export class RemoteDevice<Request, Reply extends { readonly kind: string }> {
  readonly #thread: DeviceThread;
  readonly #device: number;
  #failure: DecadeError | undefined;
  #waiting: { resolve(reply: Reply): void; reject(error: DecadeError): void } | undefined;
  #onProgress: ((progress: SearchProgress) => void) | undefined;

  /** `died` is called when the device will never answer again: others may wait for it. `next`: what a person can do then. */
  constructor(thread: DeviceThread, device: number, died: (failure: DecadeError) => void, next = continueTraining) {
    this.#thread = thread;
    this.#device = device;
    const fail = (reason: string, remedy = next) => {
      if (this.#failure !== undefined) return;
      const failure = new DecadeError('resource', { where: `device ${device}`, received: reason, next: remedy });
      this.#end(failure);
      died(failure);
    };
    thread.listen({
      message: (message) => {
        const reply = message as Reply | Common;
        if (isCommon(reply)) {
          if (reply.kind === 'failed') fail(reply.message);
          else if (reply.kind === 'progress') this.#onProgress?.(reply.progress);
          else this.#answered()?.reject(new DecadeError(reply.error.kind, reply.error.parts));
        } else {
          this.#answered()?.resolve(reply);
        }
      },
      failure: fail,
    });
  }

  /**
   * The reply to a request.
   *
   * @throws DecadeError `resource` when the device has died; else what the request is refused for
   */
  ask<Kind extends Reply['kind']>(
    kind: Kind,
    request: Request,
    onProgress?: (progress: SearchProgress) => void,
  ): Promise<Extract<Reply, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#onProgress = onProgress;
      this.#waiting = {
        resolve: (reply) =>
          reply.kind === kind
            ? resolve(reply as Extract<Reply, { kind: Kind }>)
            : reject(new DecadeError('resource', { where: `device ${this.#device}`, received: `reply ${reply.kind}`, allowed: kind })),
        reject,
      };
      this.#thread.post(request);
    });
  }

  /** Posts what has no reply. */
  tell(request: Request): void {
    this.#thread.post(request);
  }

  /** Ends the thread; what it was asked is refused, because of `reason`. */
  terminate(reason?: DecadeError): Promise<void> {
    this.#end(reason ?? new DecadeError('resource', { where: `device ${this.#device}`, received: 'its thread has ended' }));
    return this.#thread.terminate();
  }

  #answered() {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    return waiting;
  }

  #end(failure: DecadeError): void {
    this.#failure ??= failure;
    this.#answered()?.reject(this.#failure);
  }
}

function isCommon(reply: { readonly kind: string }): reply is Common {
  return reply.kind === 'progress' || reply.kind === 'refused' || reply.kind === 'failed';
}
