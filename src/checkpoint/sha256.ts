/**
 * SHA-256 (FIPS 180-4), fed piece by piece. Web Crypto has no streaming digest and refuses views of shared memory, which
 * is where a model lives.
 */
export class Sha256 {
  readonly #state = Int32Array.of(...[0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a], ...[0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19]);
  readonly #block = new Uint8Array(64);
  readonly #words = new Int32Array(64);
  #bytes = 0;

  update(bytes: Uint8Array): this {
    let at = 0;
    const held = this.#bytes % 64;
    this.#bytes += bytes.length;
    if (held > 0) {
      at = Math.min(64 - held, bytes.length);
      this.#block.set(bytes.subarray(0, at), held);
      if (held + at < 64) return this;
      this.#compress(this.#block, 0);
    }
    for (; at + 64 <= bytes.length; at += 64) this.#compress(bytes, at);
    this.#block.set(bytes.subarray(at));
    return this;
  }

  /** The digest in hexadecimal; nothing may be added after it. */
  digest(): string {
    const bits = this.#bytes * 8;
    const padding = new Uint8Array(64 - ((this.#bytes + 8) % 64) + 8);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(bits / 0x100000000));
    view.setUint32(padding.length - 4, bits >>> 0);
    this.update(padding);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #compress(bytes: Uint8Array, start: number): void {
    const words = this.#words;
    for (let at = 0; at < 16; at++) {
      const byte = start + 4 * at;
      words[at] =
        ((bytes[byte] as number) << 24) |
        ((bytes[byte + 1] as number) << 16) |
        ((bytes[byte + 2] as number) << 8) |
        (bytes[byte + 3] as number);
    }
    for (let at = 16; at < 64; at++) {
      const early = words[at - 15] as number;
      const late = words[at - 2] as number;
      const small0 = ((early >>> 7) | (early << 25)) ^ ((early >>> 18) | (early << 14)) ^ (early >>> 3);
      const small1 = ((late >>> 17) | (late << 15)) ^ ((late >>> 19) | (late << 13)) ^ (late >>> 10);
      words[at] = ((words[at - 16] as number) + small0 + (words[at - 7] as number) + small1) | 0;
    }
    const state = this.#state;
    let a = state[0] as number;
    let b = state[1] as number;
    let c = state[2] as number;
    let d = state[3] as number;
    let e = state[4] as number;
    let f = state[5] as number;
    let g = state[6] as number;
    let h = state[7] as number;
    for (let at = 0; at < 64; at++) {
      const big1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
      const first = (h + big1 + ((e & f) ^ (~e & g)) + (roundConstants[at] as number) + (words[at] as number)) | 0;
      const big0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
      const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      h = g;
      g = f;
      f = e;
      e = (d + first) | 0;
      d = c;
      c = b;
      b = a;
      a = (first + second) | 0;
    }
    state[0] = (state[0] as number) + a;
    state[1] = (state[1] as number) + b;
    state[2] = (state[2] as number) + c;
    state[3] = (state[3] as number) + d;
    state[4] = (state[4] as number) + e;
    state[5] = (state[5] as number) + f;
    state[6] = (state[6] as number) + g;
    state[7] = (state[7] as number) + h;
  }
}

/** First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, section 4.2.2). */
const roundConstants = Int32Array.from(firstPrimes(64), (prime) => {
  const root = Math.cbrt(prime);
  return Math.floor((root - Math.floor(root)) * 0x100000000) | 0;
});

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}
