import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { type Decade, decade } from '../../src/decade.js';
import { nodeRuntime } from '../../src/node/runtime.js';
import { train } from '../../src/parallel/train.js';
import { App, type LogRecord } from '../../src/server/app.js';
import { resolveServerOptions, type ServerOptionsInput } from '../../src/server/options.js';
import { Service } from '../../src/server/service.js';

const words = { one: 'un', two: 'deux', three: 'trois', four: 'quatre', five: 'cinq', house: 'maison', dog: 'chien', hello: 'bonjour' };

/** A little translator from English to French, `en-fr`, and a language model of bytes, `writer`, on the disk. */
export class TinyModels {
  readonly directory = mkdtempSync(join(tmpdir(), 'decade-served-'));
  readonly library: Decade = decade(nodeRuntime);
  readonly translator = join(this.directory, 'en-fr');
  readonly writer = join(this.directory, 'writer');

  /** Trained once for all files of a process, and removed at its end. */
  static train(): Promise<TinyModels> {
    trained ??= TinyModels.#train();
    return trained;
  }

  static async #train(): Promise<TinyModels> {
    const models = new TinyModels();
    const at = (name: string) => join(models.directory, name);
    const [sources, targets] = [Object.keys(words), Object.values(words)];
    const lines = Array.from({ length: 240 }, (_, line) => {
      const chosen = Array.from({ length: 1 + (line % 4) }, (_, place) => (line * 7 + place * 3 + ((line * place) % 5)) % sources.length);
      return `${chosen.map((word) => sources[word]).join(' ')} .\t${chosen.map((word) => targets[word]).join(' ')} .`;
    });
    writeFileSync(at('train.tsv'), `${lines.join('\n')}\n`);
    writeFileSync(at('dev.tsv'), `${lines.slice(0, 8).join('\n')}\n`);
    writeFileSync(at('text.txt'), 'the dog sees the house. '.repeat(40));
    const training = { optimizer: { kind: 'adam', learningRate: 0.02 }, batch: { sentences: 16 } } as const;
    await train(
      nodeRuntime,
      {
        version: 1,
        data: { source: 'en', target: 'fr', train: { tsv: at('train.tsv') }, dev: { tsv: at('dev.tsv') } },
        tokenizer: { kind: 'word', shared: false },
        model: { kind: 'lstm', layers: 1, hidden: 16, attention: 'dot', dropout: 0 },
        training: { ...training, stop: { epochs: 5 } },
      },
      { out: models.translator, gemm: 'webassembly', devices: 1 },
    );
    const text = { text: [at('text.txt')] };
    await train(
      nodeRuntime,
      {
        version: 1,
        data: { train: text, dev: text, context: 32 },
        tokenizer: { kind: 'bytes' },
        model: { kind: 'lstm', layers: 1, hidden: 16, attention: 'none', dropout: 0 },
        training: { ...training, stop: { steps: 20 } },
      },
      { out: models.writer, gemm: 'webassembly', devices: 1 },
    );
    return models;
  }

  /** Both models behind an app; what it logs is collected. */
  async serve(options: ServerOptionsInput = {}): Promise<{ app: App; service: Service; log: LogRecord[] }> {
    const log: LogRecord[] = [];
    const compute = { devices: 1, gemm: 'webassembly' };
    const service = await Service.open(this.library, [this.translator, this.writer], resolveServerOptions(options), compute);
    return { app: new App({ service, version: '1.2.3', log: (record) => log.push(record) }), service, log };
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

let trained: Promise<TinyModels> | undefined;
after(async () => (await trained)?.remove());

/** A request with JSON to an app on this machine. */
export function post(path: string, body: unknown, headers: Record<string, string> = {}): Request {
  return new Request(`http://localhost:5000${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

export function get(path: string, headers: Record<string, string> = {}): Request {
  return new Request(`http://localhost:5000${path}`, { headers });
}
