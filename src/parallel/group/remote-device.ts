import { DecadeError, type ErrorKind, type ErrorParts } from '../../core/errors.js';
import type { SearchProgress } from '../../decoding/search.js';
import type { DeviceThread } from '../runtime.js';

/** What a device may say to any request. */
export type CommonReply =
  | { readonly kind: 'progress'; readonly progress: SearchProgress }
  /** A request that could not be done; the device can do others. */
  | { readonly kind: 'refused'; readonly error: { readonly kind: ErrorKind; readonly parts: Omit<ErrorParts, 'cause'> } }
  /** The device can do no more. */
  | { readonly kind: 'failed'; readonly message: string };

const continueTraining = 'the last checkpoint stands: continue with --resume, if need be with fewer devices';

/** A device on another thread, or all of another rank, with one request at a time in flight. */
export class RemoteDevice<Request, Reply extends { readonly kind: string }> {
  readonly #thread: DeviceThread;
  readonly #name: string;
  #failure: DecadeError | undefined;
  #waiting: { resolve(reply: Reply): void; reject(error: DecadeError): void } | undefined;
  #onProgress: ((progress: SearchProgress) => void) | undefined;

  /** `name`: as errors call it. `died` is called when the device will never answer again: others may wait for it. `next`: what a person can do then. */
  constructor(thread: DeviceThread, name: string, died: (failure: DecadeError) => void, next = continueTraining) {
    this.#thread = thread;
    this.#name = name;
    const fail = (reason: string, remedy = next) => {
      if (this.#failure !== undefined) return;
      const failure = new DecadeError('resource', { where: name, received: reason, next: remedy });
      this.#end(failure);
      died(failure);
    };
    thread.listen({
      message: (message) => {
        const reply = message as Reply | CommonReply;
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
            : reject(new DecadeError('resource', { where: this.#name, received: `reply ${reply.kind}`, allowed: kind })),
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
    this.#end(reason ?? new DecadeError('resource', { where: this.#name, received: 'its thread has ended' }));
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

function isCommon(reply: { readonly kind: string }): reply is CommonReply {
  return reply.kind === 'progress' || reply.kind === 'refused' || reply.kind === 'failed';
}
