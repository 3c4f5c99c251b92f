/** Runs the matrix products of the first update alone, all devices at once (`instrument: record`). */
export interface ReplayMessage {
  readonly kind: 'replay';
  /** With packed weights where the update had them, or every product plain. */
  readonly products: 'asMade' | 'plain';
}

/** Asks for the milliseconds by kernel since the last such request (`instrument: profile`). */
export interface ProfileMessage {
  readonly kind: 'profile';
}

export type MeasurementReply =
  | { readonly kind: 'replayed'; readonly operations: number; readonly milliseconds: number }
  | { readonly kind: 'profiled'; readonly milliseconds: [kernel: string, milliseconds: number][] };

/** All devices together: the operations of all, and the time of the slowest. */
export function together(all: readonly MeasurementReply[]): { operations: number; milliseconds: number } {
  const replies = all.flatMap((reply) => (reply.kind === 'replayed' ? [reply] : []));
  return {
    operations: replies.reduce((sum, reply) => sum + reply.operations, 0),
    milliseconds: Math.max(...replies.map((reply) => reply.milliseconds)),
  };
}
