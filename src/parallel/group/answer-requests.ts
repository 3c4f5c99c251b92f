import type { ThreadPort } from '../runtime.js';
import type { CommonReply } from './remote-device.js';

/** The other end of a `RemoteDevice`: answers each request that comes with one reply, or with none where `answer` gives undefined. */
export function answerRequests<Request, Reply>(
  port: Pick<ThreadPort, 'post' | 'listen'>,
  answer: (request: Request) => Promise<Reply | undefined>,
): void {
  port.listen((message) => {
    answer(message as Request).then(
      (reply) => {
        if (reply !== undefined) port.post(reply);
      },
      (error: unknown) =>
        port.post({ kind: 'failed', message: error instanceof Error ? error.message : String(error) } satisfies CommonReply),
    );
  });
}
