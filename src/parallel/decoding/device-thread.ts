import { answerRequests } from '../group/answer-requests.js';
import type { ThreadPort } from '../runtime.js';
import { DecodingDevice } from './device.js';
import type { DecodingReply, DecodingRequest } from './messages.js';

/** The program of a device that decodes and never trains: in a page, training is loaded apart. */
export function runDecodingThread(port: ThreadPort): void {
  const decoding = new DecodingDevice(
    () => undefined,
    (memory, gemm) => port.openDevice(memory, { gemm }),
    (reply) => port.post(reply),
  );
  answerRequests<DecodingRequest, DecodingReply>(port, (request) => decoding.answer(request));
}
