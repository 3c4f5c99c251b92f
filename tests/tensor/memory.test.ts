import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { DecadeError } from '../../src/core/errors.js';
import { Arena, type Block, MeasuredRoom, Memory } from '../../src/tensor/memory.js';

const mebibyte = 1024 ** 2;

describe('memory', () => {
  for (const shared of [false, true]) {
    it(`gives aligned blocks that do not overlap, ${shared ? 'shared' : 'plain'}`, () => {
      const memory = new Memory({ shared, maximumBytes: 64 * mebibyte });
      const blocks = [1, 63, 64, 65, 5 * mebibyte, 100].map((bytes) => ({ bytes, block: memory.allocate(bytes) }));
      for (const { bytes, block } of blocks) {
        assert.equal(block.offset % 64, 0);
        assert.ok(block.offset > 0, 'offset 0 stands for an absent tensor');
        assert.ok(block.bytes >= bytes && block.bytes < bytes + 64);
        assert.ok(block.offset + block.bytes <= memory.totalBytes);
      }
      assertApart(blocks.map(({ block }) => block));
      assert.equal(
        memory.allocatedBytes,
        blocks.reduce((sum, { block }) => sum + block.bytes, 0),
      );
    });

    it(`views see writes from before and after growth, ${shared ? 'shared' : 'plain'}`, () => {
      const memory = new Memory({ shared, maximumBytes: 64 * mebibyte });
      const first = memory.allocate(64);
      memory.f32[first.offset / 4] = 1.5;
      const second = memory.allocate(16 * mebibyte);
      memory.f32[second.offset / 4 + 4 * mebibyte - 1] = 2.5;
      assert.equal(memory.f32[first.offset / 4], 1.5);
      assert.equal(memory.f32[second.offset / 4 + 4 * mebibyte - 1], 2.5);
      assert.equal(memory.u8.byteLength, memory.totalBytes);
      assert.equal(memory.i32.byteLength, memory.totalBytes);
    });
  }

  it('joins freed neighbours in any order, so that their room is used again', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [0, 2, 1],
      [1, 2, 0],
    ]) {
      const memory = new Memory({ shared: false, maximumBytes: 64 * mebibyte });
      const blocks = [0, 1, 2].map(() => memory.allocate(mebibyte));
      const end = memory.allocate(mebibyte);
      const start = (blocks[0] as Block).offset;
      const total = memory.totalBytes;
      for (const position of order) memory.free(blocks[position] as Block);
      assert.deepEqual(memory.allocate(3 * mebibyte), { offset: start, bytes: 3 * mebibyte });
      assert.equal(memory.totalBytes, total);
      memory.free(end);
    }
  });

  it('does not grow over many rounds of mixed sizes', () => {
    const memory = new Memory({ shared: false, maximumBytes: 256 * mebibyte });
    let total = 0;
    for (let round = 0; round < 200; round++) {
      const blocks = [1, 2, 3, 4, 5].map((size) => memory.allocate(size * 100_000));
      for (const position of [3, 0, 4, 1, 2]) memory.free(blocks[position] as Block);
      if (round === 0) total = memory.totalBytes;
    }
    assert.equal(memory.totalBytes, total);
    assert.equal(memory.allocatedBytes, 0);
  });

  it('uses all of its limit and then says what the limit is', () => {
    const memory = new Memory({ shared: true, maximumBytes: 10 * mebibyte });
    const block = memory.allocate(9 * mebibyte);
    assert.throws(
      () => memory.allocate(2 * mebibyte),
      (error) => {
        assert.ok(error instanceof DecadeError);
        assert.equal(error.kind, 'resource');
        assert.match(error.message, /2\.0 MiB .* at most 10\.0 MiB in all/);
        return true;
      },
    );
    memory.allocate(mebibyte / 2);
    memory.free(block);
    memory.allocate(9 * mebibyte);
  });

  it('two threads that allocate from one shared memory get different blocks', async () => {
    const memory = new Memory({ shared: true, maximumBytes: 512 * mebibyte });
    const module = new URL('../../src/tensor/memory.js', import.meta.url).href;
    const program = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { Memory } = await import(${JSON.stringify(module)});
      const memory = new Memory({ shared: true, existing: workerData });
      parentPort.postMessage(Array.from({ length: 200 }, () => memory.allocate(300000)));
    `;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const lists = await Promise.all(
      [0, 1].map(
        () =>
          new Promise<Block[]>((resolve, reject) => {
            const worker = new Worker(url, { workerData: memory.webAssembly });
            worker.once('message', resolve);
            worker.once('error', reject);
          }),
      ),
    );
    assert.equal(lists.flat().length, 400);
    assertApart(lists.flat());
  });
});

describe('an arena', () => {
  it('gives aligned ranges that do not overlap, across its blocks', () => {
    const arena = new Arena(new Memory({ shared: false, maximumBytes: 64 * mebibyte }));
    let ranges = Array.from({ length: 300 }, (_, at) => ({ offset: arena.allocate(at * 100), bytes: at * 100 }));
    ranges = ranges.sort((left, right) => left.offset - right.offset);
    ranges.slice(1).forEach(({ offset }, at) => {
      const before = ranges[at] as { offset: number; bytes: number };
      assert.equal(offset % 64, 0);
      assert.ok(before.offset + Math.max(1, before.bytes) <= offset);
    });
  });

  it('is flat after the first rounds: the same offsets, no growth', () => {
    const memory = new Memory({ shared: true, maximumBytes: 256 * mebibyte });
    const arena = new Arena(memory);
    const offsets: number[][] = [];
    const totals: number[] = [];
    for (let round = 0; round < 20; round++) {
      offsets.push(Array.from({ length: 50 }, (_, at) => arena.allocate(at * 20_000)));
      totals.push(memory.totalBytes);
      arena.reset();
    }
    assert.deepEqual(offsets[3], offsets[2]);
    assert.deepEqual(offsets[19], offsets[2]);
    assert.equal(totals[19], totals[2]);
    assert.ok(arena.capacityBytes < 2 * 50 * 25 * 20_000);
  });

  it('takes a request larger than all before it, and gives everything back when it ends', () => {
    const memory = new Memory({ shared: false, maximumBytes: 64 * mebibyte });
    const arena = new Arena(memory, 1000);
    arena.allocate(500);
    const offset = arena.allocate(20 * mebibyte);
    memory.f32[(offset + 20 * mebibyte) / 4 - 1] = 1;
    assert.ok(arena.capacityBytes >= 20 * mebibyte);
    arena.dispose();
    assert.equal(memory.allocatedBytes, 0);
    assert.equal(arena.capacityBytes, 0);
  });

  it('grows in pieces where its memory has no place for one block of all', () => {
    const memory = new Memory({ shared: false, maximumBytes: 16 * mebibyte });
    const arena = new Arena(memory);
    arena.allocate(mebibyte);
    const between = memory.allocate(mebibyte);
    arena.allocate(3 * mebibyte);
    const others = fill(memory);
    arena.reset();
    const again = [mebibyte, 3 * mebibyte].map((bytes) => ({ offset: arena.allocate(bytes), bytes }));
    assertApart([between, ...others, ...again]);
    arena.dispose();
    for (const block of [between, ...others]) memory.free(block);
    assert.equal(memory.allocatedBytes, 0);
    assertApart([1, 2, 3].map((size) => memory.allocate(size * mebibyte)));
  });

  it('takes what its memory has left when that is less than it would like to grow by', () => {
    const memory = new Memory({ shared: false, maximumBytes: 16 * mebibyte });
    const arena = new Arena(memory, 12 * mebibyte);
    arena.allocate(12 * mebibyte);
    arena.allocate(3 * mebibyte);
    assert.throws(() => arena.allocate(3 * mebibyte), DecadeError);
    arena.allocate(mebibyte / 2);
  });
});

/** All that is left of a memory, in pieces. */
function fill(memory: Memory): Block[] {
  const blocks: Block[] = [];
  for (const bytes of [mebibyte / 2, 65_536, 64]) {
    for (let block = memory.allocateIfPossible(bytes); block !== undefined; block = memory.allocateIfPossible(bytes)) blocks.push(block);
  }
  return blocks;
}

function assertApart(blocks: readonly Block[]): void {
  const sorted = [...blocks].sort((left, right) => left.offset - right.offset);
  sorted.slice(1).forEach((block, at) => {
    const before = sorted[at] as Block;
    assert.ok(before.offset + before.bytes <= block.offset);
  });
}

it('what is allocated during some work ends with it, in an arena and in a measurement of one', () => {
  const memory = new Memory({ shared: false });
  for (const room of [new Arena(memory, 4096), new MeasuredRoom()]) {
    const first = room.allocate(64);
    const within = room.during(() => room.allocate(128));
    assert.ok(within > first);
    assert.equal(room.allocate(64), within);
  }
});
