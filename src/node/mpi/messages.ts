import type { MessagePort } from 'node:worker_threads';
import type { WireBlocks } from '../../parallel/runtime.js';
import type { Launched } from './launcher.js';

/** What the thread that owns the network is started with. */
export interface NetworkStart {
  readonly launched: Launched;
  /** An Int32 that is rung when there is work. */
  readonly bell: SharedArrayBuffer;
  readonly orders: MessagePort;
  /** A rank that is not heard of for so long is gone. */
  readonly silenceSeconds: number;
}

/** What the main thread orders. */
export type NetworkOrder =
  | { readonly kind: 'send'; readonly to: number; readonly bytes: SharedArrayBuffer }
  | { readonly kind: 'attach'; readonly wire: WireBlocks }
  | { readonly kind: 'end' };

/** What the thread reports. */
export type NetworkReport =
  | { readonly kind: 'started'; readonly rank: number; readonly size: number; readonly library: string }
  | { readonly kind: 'missing'; readonly reason: string }
  | { readonly kind: 'message'; readonly from: number; readonly bytes: SharedArrayBuffer }
  | { readonly kind: 'silent'; readonly rank: number; readonly seconds: number }
  | { readonly kind: 'failed'; readonly reason: string }
  /** All ranks have left each other, and perhaps the library. */
  | { readonly kind: 'parted'; readonly library: 'ended' | 'in use' };
