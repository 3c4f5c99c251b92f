const blockBytes = 1024 * 1024;
const smallestBufferBytes = 4096;

/**
 * SHA-256 over the SHA-256 of each MiB, in hexadecimal: identifies contents of any size as they stream by, at the
 * speed of the platform's own hash (Web Cryptography hashes whole buffers only).
 */
export async function contentHash(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  // Most contents are small, and a whole block would take longer to make than they to hash.
  let block = new Uint8Array(smallestBufferBytes);
  const digests: Uint8Array[] = [];
  let filled = 0;
  const finishBlock = async (): Promise<void> => {
    digests.push(new Uint8Array(await crypto.subtle.digest('SHA-256', block.subarray(0, filled))));
    filled = 0;
  };
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; ) {
      const taken = chunk.subarray(start, start + blockBytes - filled);
      if (filled + taken.length > block.length) {
        const larger = new Uint8Array(Math.min(blockBytes, 2 * (filled + taken.length)));
        larger.set(block.subarray(0, filled));
        block = larger;
      }
      block.set(taken, filled);
      filled += taken.length;
      start += taken.length;
      if (filled === blockBytes) await finishBlock();
    }
  }
  await finishBlock();
  const whole = await crypto.subtle.digest('SHA-256', await new Blob(digests.map((digest) => digest.slice())).arrayBuffer());
  return Array.from(new Uint8Array(whole), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
