import { type RankParts, Wire } from '../../parallel/group/wire.js';
import type { ForeignInterface } from '../foreign.js';
import type { ByteParts, MpiLibrary, MpiRequest } from './library.js';
import type { NetworkOrder, NetworkReport } from './messages.js';

export interface MessengerOptions {
  readonly library: MpiLibrary;
  readonly foreign: ForeignInterface;
  readonly rank: number;
  readonly size: number;
  /** Int32[1], rung when there is work. */
  readonly bell: Int32Array;
  readonly silenceSeconds: number;
  /** The next order, if there is one. */
  readonly take: () => NetworkOrder | undefined;
  readonly report: (message: NetworkReport) => void;
}

/** Before each message goes a header: what follows, and its bytes. */
const headerBytes = 16;
const follows = { nothing: 0, message: 1, end: 2 } as const;
const tags = { header: 1, body: 2 } as const;
/** Milliseconds between signs of life. */
const signEvery = 1_000;
/**
 * Milliseconds that the thread sleeps when nothing has come, at least and at most, with something under way and without. In between it sleeps a
 * part of what it has waited already: then it sees nothing late by more than that part, and takes little from devices that share its processor.
 */
const naps = { shortest: 0.02, part: 1 / 8, underWay: 1, longest: 2 } as const;

interface UnderWay {
  readonly request: MpiRequest;
  readonly done: () => void;
  /** Whether it only waits for what another rank may begin. */
  readonly listens: boolean;
}

/** Another rank: what it sends, and when it was last heard of. */
interface Peer {
  readonly rank: number;
  heardAt: number;
  /** Whether it has said that it ends: no more is to be heard of it. */
  ended: boolean;
  /** Whether the last sign of life to it is still on its way. */
  signing: boolean;
}

/**
 * Makes every call of the library, on one thread: messages between rank 0 and the others, signs of life, and the exchanges that devices
 * leave in a wire, each as soon as it is left and all before it are begun.
 */
export class Messenger {
  readonly #options: MessengerOptions;
  readonly #peers: readonly Peer[];
  #underWay: UnderWay[] = [];
  #wire: { readonly wire: Wire; readonly address: number; next: number } | undefined;
  #ending = false;
  #signAt = 0;
  #wokeAt = Date.now();

  constructor(options: MessengerOptions) {
    this.#options = options;
    const ranks = options.rank === 0 ? Array.from({ length: options.size - 1 }, (_, index) => index + 1) : [0];
    this.#peers = ranks.map((rank) => ({ rank, heardAt: Date.now(), ended: false, signing: false }));
  }

  /** Returns when it is told to end, or a rank is gone: that is reported. */
  run(): void {
    const { bell, take } = this.#options;
    for (const peer of this.#peers) this.#listen(peer);
    let idleSince = performance.now();
    for (;;) {
      const rung = Atomics.load(bell, 0);
      let busy = false;
      for (let order = take(); order !== undefined; order = take()) {
        this.#follow(order);
        busy = true;
      }
      busy = this.#beginExchanges() || busy;
      busy = this.#advance() || busy;
      const silent = this.#silent();
      if (silent !== undefined) {
        // Who is silent is to be known before devices end because of it.
        this.#options.report({ kind: 'silent', rank: silent.rank, seconds: this.#options.silenceSeconds });
        this.#wire?.wire.break();
        // Without an end of the library: whoever is gone would be waited for.
        this.#sleepForEver();
      }
      if (this.#ending && this.#underWay.length === 0) return;
      const now = performance.now();
      if (busy) idleSince = now;
      else {
        const most = this.#underWay.every(({ listens }) => listens) ? naps.longest : naps.underWay;
        Atomics.wait(bell, 0, rung, Math.min(most, Math.max(naps.shortest, naps.part * (now - idleSince))));
      }
    }
  }

  #follow(order: NetworkOrder): void {
    switch (order.kind) {
      case 'send':
        this.#send(order.to, follows.message, order.bytes);
        break;
      case 'attach': {
        const wire = new Wire(order.wire);
        this.#wire = { wire, address: this.#options.foreign.address(new Uint8Array(order.wire.memory.buffer)), next: 0 };
        break;
      }
      case 'end':
        this.#ending = true;
        // Each side receives until the other has ended, so that nothing remains under way.
        for (const { rank } of this.#peers) this.#send(rank, follows.end, undefined);
    }
  }

  #send(to: number, what: number, bytes: SharedArrayBuffer | undefined, done = () => {}): void {
    const { library, foreign } = this.#options;
    const header = foreign.structure(headerBytes);
    header.view.setInt32(0, what, true);
    header.view.setFloat64(8, bytes?.byteLength ?? 0, true);
    const last = bytes === undefined || bytes.byteLength === 0;
    this.#begin(library.send(header.address, headerBytes, to, tags.header), last ? done : () => {}, header);
    if (last) return;
    this.#begin(library.send(foreign.address(new Uint8Array(bytes)), bytes.byteLength, to, tags.body), done, bytes);
  }

  /** `held`: what the request reads or writes, until it is done. */
  #begin(request: MpiRequest, done: () => void, held?: unknown, listens = false): void {
    this.#underWay.push({ request: { ...request, held: [...request.held, held] }, done, listens });
  }

  #listen(peer: Peer): void {
    const { library, foreign, report } = this.#options;
    const header = foreign.structure(headerBytes);
    const next = () => this.#listen(peer);
    this.#begin(
      library.receive(header.address, headerBytes, peer.rank, tags.header),
      () => {
        peer.heardAt = Date.now();
        const what = header.view.getInt32(0, true);
        const bytes = header.view.getFloat64(8, true);
        if (what === follows.end) {
          peer.ended = true;
          return;
        }
        if (what === follows.nothing || bytes === 0) return next();
        const body = new SharedArrayBuffer(bytes);
        this.#begin(library.receive(foreign.address(new Uint8Array(body)), bytes, peer.rank, tags.body), () => {
          report({ kind: 'message', from: peer.rank, bytes: body });
          next();
        });
      },
      header,
      true,
    );
  }

  #beginExchanges(): boolean {
    const at = this.#wire;
    if (at === undefined) return false;
    const { library } = this.#options;
    const bytesOf = (parts: RankParts): ByteParts => ({
      at: parts.at.map((word) => at.address + 4 * word),
      counts: parts.words.map((count) => 4 * count),
    });
    let any = false;
    for (let left = at.wire.left(at.next); left !== undefined; left = at.wire.left(at.next)) {
      const ticket = at.next++;
      const request =
        left.kind === 'scatter' ? library.scatter(bytesOf(left.sent), bytesOf(left.received)) : library.gather(bytesOf(left.parts));
      this.#begin(request, () => {
        at.wire.complete(ticket);
      });
      any = true;
    }
    return any;
  }

  /** Ends what is done; returns whether anything was. */
  #advance(): boolean {
    const asked = this.#underWay;
    this.#underWay = [];
    let any = false;
    const open: UnderWay[] = [];
    for (const each of asked) {
      if (this.#options.library.isDone(each.request)) {
        any = true;
        each.done();
      } else open.push(each);
    }
    // What was begun meanwhile comes after.
    this.#underWay = [...open, ...this.#underWay];
    return any;
  }

  /** A rank that was not heard of for too long. Sends a sign of life when it is time. */
  #silent(): Peer | undefined {
    const now = Date.now();
    const limit = 1_000 * this.#options.silenceSeconds;
    // Whoever was stopped itself cannot say how long others were silent.
    if (now - this.#wokeAt > Math.min(limit, 5 * signEvery)) for (const peer of this.#peers) peer.heardAt = now;
    this.#wokeAt = now;
    if (now < this.#signAt) return undefined;
    this.#signAt = now + Math.min(signEvery, limit / 4);
    for (const peer of this.#peers) {
      // Whoever was told of the end listens no more.
      if (this.#ending || peer.signing) continue;
      peer.signing = true;
      this.#send(peer.rank, follows.nothing, undefined, () => {
        peer.signing = false;
      });
    }
    return this.#peers.find(({ heardAt, ended }) => !ended && now - heardAt > limit);
  }

  /** Until the process ends. */
  #sleepForEver(): never {
    for (;;) Atomics.wait(this.#options.bell, 0, Atomics.load(this.#options.bell, 0));
  }
}
