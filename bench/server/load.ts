/**
 * Load of a server on this machine: throughput with and without shared batches, latency, memory over many requests, and many clients at
 * once. Clients have a process of their own, so that processor time and memory are the server's.
 *
 *     node dist/bench/server/load.js RUN [REQUESTS]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { decade } from '../../src/decade.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { App } from '../../src/server/app.js';
import { listen } from '../../src/server/listen.js';
import { resolveServerOptions } from '../../src/server/options.js';
import { Service } from '../../src/server/service.js';

/** What clients are to do: `atOnce` all send one request at the same time, on connections of their own. */
interface Load {
  readonly port: number;
  readonly source: string;
  readonly target: string;
  readonly connections: number;
  readonly amount: number;
  readonly atOnce: boolean;
  /** A server's answers must be those that one request alone gets. */
  readonly expected: Readonly<Record<string, string>>;
}

interface Outcome {
  readonly perSecond: number;
  readonly p99: number;
  /** Told to come again: too many waited, or it would have taken too long. */
  readonly refused: number;
  readonly lost: number;
  readonly mixedUp: number;
}

const sentences = ['one two three four .', 'hello dog .', 'five .', 'house four two .', 'three one dog house .'];

/** Requests as fast as the server answers, from as many clients. */
async function stream({ port, source, target, connections, amount, expected }: Load): Promise<Outcome> {
  let mixedUp = 0;
  const result = await autocannon({
    url: `http://127.0.0.1:${port}/translate`,
    method: 'POST',
    connections,
    amount,
    headers: { 'content-type': 'application/json' },
    requests: Object.keys(expected).map((q) => ({
      method: 'POST' as const,
      body: JSON.stringify({ q, source, target }),
      onResponse: (status: number, body: string) => {
        if (status === 200 && (JSON.parse(body) as { translatedText: string }).translatedText !== expected[q]) mixedUp++;
      },
    })),
  });
  const refused = result['5xx'] + result['4xx'];
  const lost = amount - result['2xx'] - refused;
  return { perSecond: Math.round(result.requests.average), p99: result.latency.p99, refused, lost, mixedUp };
}

/** As many clients as `amount`, each with one request. */
async function crowd({ port, source, target, amount, expected }: Load): Promise<Outcome> {
  const outcome = { refused: 0, lost: 0, mixedUp: 0 };
  const started = performance.now();
  const latencies = await Promise.all(
    Array.from({ length: amount }, async (_, client) => {
      const q = Object.keys(expected)[client % Object.keys(expected).length] as string;
      const body = JSON.stringify({ q, source, target });
      const socket = connect({ port, host: '127.0.0.1' });
      socket.write(
        `POST /translate HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const answer = await text(socket).catch(() => '');
      if (answer.startsWith('HTTP/1.1 200')) {
        if ((JSON.parse(answer.slice(answer.indexOf('{'))) as { translatedText: string }).translatedText !== expected[q]) outcome.mixedUp++;
      } else if (/^HTTP\/1.1 50[34].*retry-after: /is.test(answer)) outcome.refused++;
      else outcome.lost++;
      return performance.now() - started;
    }),
  );
  latencies.sort((a, b) => a - b);
  const perSecond = Math.round((1_000 * amount) / (latencies.at(-1) ?? 1));
  return { ...outcome, perSecond, p99: Math.round(latencies[Math.floor(0.99 * amount)] ?? 0) };
}

async function clients(load: Load): Promise<Outcome> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--clients', JSON.stringify(load)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [written] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return JSON.parse(written) as Outcome;
}

async function measure(run: string, batch: number, connections: number, amount: number, atOnce = false): Promise<void> {
  const options = resolveServerOptions({ port: 0, beam: 1, queue: { batch, window: batch === 1 ? 0 : 4 } });
  const service = await Service.open(decade(nodeRuntime), [run], options, { devices: 1 });
  const [{ source, target } = { source: 'en', target: 'fr' }] = service.models.flatMap(({ languages }) => languages ?? []);
  const listening = await listen(new App({ service, version: '0' }), options);
  const expected: Record<string, string> = {};
  for (const q of sentences) {
    const [found] = await service.translate({ texts: [q], source, target, signal: new AbortController().signal });
    expected[q] = found?.text ?? '';
  }
  const port = Number(new URL(listening.url).port);
  const load = { port, source, target, connections, amount, atOnce, expected };
  // What is compiled and allocated once is not measured.
  if (!atOnce) await clients({ ...load, amount: Math.min(500, amount) });
  const memory = [process.memoryUsage.rss()];
  const timer = setInterval(() => memory.push(process.memoryUsage.rss()), 1_000);
  const before = process.cpuUsage();
  const { perSecond, p99, refused, lost, mixedUp } = await clients(load);
  const { user, system } = process.cpuUsage(before);
  clearInterval(timer);
  const mebibytes = (bytes: number | undefined) => Math.round((bytes ?? 0) / 1024 ** 2);
  console.log(
    [
      atOnce ? `${amount} clients at once, batches of ${batch}:` : `batches of ${batch}, ${connections} clients, ${amount} requests:`,
      `${Math.round((user + system) / amount)} us of processor time each,`,
      `${perSecond} per second, p99 ${p99} ms, ${refused} refused, ${lost} lost, ${mixedUp} mixed up,`,
      `memory ${mebibytes(memory[Math.floor(memory.length / 4)])} to ${mebibytes(memory.at(-1))} MiB`,
    ].join(' '),
  );
  await listening.stop();
  await service.dispose();
}

const [run, given = '1000'] = process.argv.slice(2);
if (run === undefined) throw new Error('usage: node dist/bench/server/load.js RUN [REQUESTS]');
if (run === '--clients') {
  const load = JSON.parse(given) as Load;
  console.log(JSON.stringify(await (load.atOnce ? crowd(load) : stream(load))));
} else {
  const requests = Math.min(100_000, Number(given));
  await measure(run, 1, 1, Math.min(requests, 1_000));
  await measure(run, 64, 64, requests);
  await measure(run, 64, 0, Math.min(requests, 10_000), true);
}
