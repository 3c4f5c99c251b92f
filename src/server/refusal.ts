/** Why a request gets no answer: an HTTP status and what to tell the client. Each API wraps it in its own shape. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: RefusalStatus;
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined;
  /** The parameter that is wrong. */
  readonly parameter: string | undefined;

  constructor(status: RefusalStatus, message: string, { retryAfter, parameter }: { retryAfter?: number; parameter?: string } = {}) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.parameter = parameter;
  }
}

export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 408 | 413 | 415 | 421 | 429 | 499 | 500 | 503 | 504;
