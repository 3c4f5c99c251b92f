/**
 * Load of a server on this machine: throughput with and without shared batches, latency, memory over many requests.
 *
 *     node dist/bench/server/load.js RUN [REQUESTS]
 */
import autocannon from 'autocannon';
import { decade } from '../../src/decade.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { App } from '../../src/server/app.js';
import { listen } from '../../src/server/listen.js';
import { resolveServerOptions } from '../../src/server/options.js';
import { Service } from '../../src/server/service.js';

const [run, count = '1000'] = process.argv.slice(2);
if (run === undefined) throw new Error('usage: node dist/bench/server/load.js RUN [REQUESTS]');
const requests = Math.min(100_000, Number(count));
const sentences = ['3 weeks ago', '5 kilometers', 'Monday, January 19, 2004', '2 liters per day', '1.5 meters per day'];

/** Requests as fast as the server answers, from as many clients. */
async function load(batch: number, connections: number, amount: number): Promise<void> {
  const options = resolveServerOptions({ port: 0, beam: 1, queue: { batch, window: batch === 1 ? 0 : 4 } });
  const service = await Service.open(decade(nodeRuntime), [run as string], options, { devices: 1 });
  const [{ source, target } = { source: 'en', target: 'fr' }] = service.models.flatMap(({ languages }) => languages ?? []);
  const listening = await listen(new App({ service, version: '0' }), options);
  // A server's answers must be those that one request alone gets.
  const expected = new Map<string, string>();
  for (const q of sentences) {
    const [found] = await service.translate({ texts: [q], source, target, signal: new AbortController().signal });
    expected.set(q, found?.text ?? '');
  }
  const memory = [process.memoryUsage.rss()];
  const timer = setInterval(() => memory.push(process.memoryUsage.rss()), 1_000);
  let mixedUp = 0;
  const before = process.cpuUsage();
  const result = await autocannon({
    url: `${listening.url}/translate`,
    method: 'POST',
    connections,
    amount,
    headers: { 'content-type': 'application/json' },
    requests: sentences.map((q) => ({
      method: 'POST' as const,
      body: JSON.stringify({ q, source, target }),
      onResponse: (status: number, body: string) => {
        if (status === 200 && (JSON.parse(body) as { translatedText: string }).translatedText !== expected.get(q)) mixedUp++;
      },
    })),
  });
  clearInterval(timer);
  const { user, system } = process.cpuUsage(before);
  const mebibytes = (bytes: number | undefined) => Math.round((bytes ?? 0) / 1024 ** 2);
  console.log(
    [
      `batches of ${batch}, ${connections} clients:`,
      `${Math.round((1e6 * amount) / (user + system))} requests per second of processor time,`,
      `${Math.round(result.requests.average)} per second,`,
      `p99 ${result.latency.p99} ms, ${result.non2xx + result.errors} lost, ${mixedUp} mixed up,`,
      `memory ${mebibytes(memory[Math.floor(memory.length / 4)])} to ${mebibytes(memory.at(-1))} MiB`,
    ].join(' '),
  );
  await listening.stop();
  await service.dispose();
}

await load(1, 1, Math.min(requests, 500));
await load(64, 64, requests);
