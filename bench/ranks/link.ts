/**
 * What a link gives to one connection: `link.js ADDRESS` measures one to the `link.js` that listens there, and prints a line of JSON.
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

export interface LinkFigures {
  /** Half of what a message of 16 bytes takes there and back, in microseconds: the median. */
  readonly latency: number;
  readonly gbits: number;
}

const port = 4_711;
const messageBytes = 16;
const rounds = 200;
const seconds = 1;
const block = Buffer.alloc(256 * 1024);

const address = process.argv[2];
if (address === undefined) {
  createServer({ noDelay: true }, (socket) => {
    let received = 0;
    socket.on('data', (chunk) => {
      received += chunk.length;
      // Short messages come back; of the rest the sender is told at its end.
      if (received <= rounds * messageBytes) socket.write(chunk);
    });
    socket.on('end', () => socket.end(Buffer.alloc(1)));
    socket.on('error', () => socket.destroy());
  }).listen(port, () => console.log('listening'));
  // Whoever started this one is gone.
  process.stdin.on('end', () => process.exit()).resume();
} else {
  const socket = connect({ port, host: address, noDelay: true });
  await once(socket, 'connect');
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    socket.write(block.subarray(0, messageBytes));
    await once(socket, 'data');
    times.push(performance.now() - start);
  }
  const start = performance.now();
  let sent = 0;
  while (performance.now() - start < 1_000 * seconds) {
    sent += block.length;
    if (!socket.write(block)) await once(socket, 'drain');
  }
  socket.end();
  await once(socket, 'data');
  const gbits = (8 * sent) / ((performance.now() - start) / 1_000) / 1e9;
  const median = times.sort((a, b) => a - b)[rounds / 2] as number;
  const figures: LinkFigures = { latency: Math.round(1_000 * (median / 2)), gbits: Number(gbits.toPrecision(3)) };
  console.log(JSON.stringify(figures));
}
