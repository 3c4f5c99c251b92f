import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { DecadeError } from '../../core/errors.js';
import { decade } from '../../decade.js';
import { nodeRuntime } from '../../node/runtime.js';
import { version } from '../../node/version.js';
import type { ServerOptionsInput } from '../../server/options.js';
import { gathered, wholeNumber, withGemmOption } from '../arguments.js';
import { Interrupted, interruptible } from '../interruption.js';
import { runsNamed } from '../model.js';
import { say } from '../terminal.js';

export interface ServedArguments {
  languages?: string[];
  threads?: number;
  gemm?: string;
  beam?: number;
}

interface ServeArguments extends ServedArguments {
  host?: string;
  port?: number;
  keys?: string;
  allowHost?: string[];
  allowOrigin?: string[];
  characterLimit?: number;
  textLimit?: number;
  textsPerMinute?: number;
  queue?: number;
  window?: number;
  deadline?: number;
  watch?: number;
  quiet?: boolean;
}

/** Options of commands that serve models. */
export function withServedOptions(command: Command): Command {
  return withGemmOption(
    command
      .option('--languages <MODEL=en-fr>', 'languages of a model whose run names none (source-target); may be repeated', gathered)
      .option('--beam <number>', 'beam size where a request names none (default: 5)', wholeNumber(1, 100))
      .option('--threads <number>', 'worker threads of each model (default: one per core)', wholeNumber(1, 256)),
  );
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .description('Serve models over HTTP: the APIs of LibreTranslate, DeepL and OpenAI (completions), and tools for agents at /mcp.')
    .argument('<MODEL>', 'a run directory or packed model; several are separated by commas')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine only)')
    .option('--port <number>', 'port to listen on; 0: any (default: 5000)', wholeNumber(0, 65_535))
    .option('--keys <FILE>', 'API keys, one per line; without, no key is asked for')
    .option('--allow-host <name>', 'a name by which clients call the server; may be repeated', gathered)
    .option('--allow-origin <origin>', 'pages that may call, such as https://example.org, or *; may be repeated', gathered)
    .option('--character-limit <number>', 'characters of one text (default: 100000)', wholeNumber(1))
    .option('--text-limit <number>', 'texts of one request (default: 1000)', wholeNumber(1))
    .option('--texts-per-minute <number>', 'texts a minute of one key or address (default: no limit)', wholeNumber(0))
    .option('--queue <sentences>', 'sentences that may wait; more are refused (default: 4096)', wholeNumber(1))
    .option('--window <ms>', 'how long a sentence waits for others to share its batch (default: 4)', wholeNumber(0, 1_000))
    .option('--deadline <ms>', 'when a request is given up (default: 60000)', wholeNumber(1))
    .option('--watch <ms>', 'reload models whose files change; how often to look', wholeNumber(1))
    .option('--quiet', 'no line per request on standard error');
  return withServedOptions(command)
    .addHelpText(
      'after',
      `
SIGHUP loads the models again; SIGINT and SIGTERM finish what was accepted and stop.

Examples:
  $ decade serve runs/quickstart
  $ decade serve runs/en-fr,runs/fr-en --host 0.0.0.0 --allow-host translate.example.org --keys keys.txt`,
    )
    .action((models: string, options: ServeArguments) => serve(models, options));
}

async function serve(models: string, options: ServeArguments): Promise<void> {
  // Whoever only translates need not load what serves.
  const { App } = await import('../../server/app.js');
  const { listen } = await import('../../server/listen.js');
  const { watchModels } = await import('../../server/served-model.js');
  const { resolveServerOptions } = await import('../../server/options.js');
  const { Service } = await import('../../server/service.js');
  const { agentsByHttp } = await import('../../agents/mcp.js');
  const resolved = resolveServerOptions(await serverOptionsOf(options));
  const paths = await runsNamed(models);
  const library = decade(nodeRuntime);
  const log = (record: object) => say(JSON.stringify(record));
  await interruptible(
    'finishing what was accepted',
    async (signal) => {
      const service = await Service.open(library, paths, resolved, { devices: options.threads, gemm: options.gemm });
      const app = new App({
        service,
        version: version(),
        log: options.quiet === true ? undefined : log,
        agents: agentsByHttp(service, library, version()),
      });
      const reload = async () => {
        const failed = await service.reload();
        for (const { model, error } of failed) {
          say(`decade: ${model} was not loaded again and stays as it was: ${error instanceof Error ? error.message : String(error)}`);
        }
        if (failed.length === 0) say('decade: models loaded again');
      };
      const hangUp = () => void reload();
      // At a terminal it says that the terminal was closed.
      if (process.stderr.isTTY !== true) process.on('SIGHUP', hangUp);
      const unwatch = resolved.reloadInterval === 0 ? () => {} : watchModels(paths, resolved.reloadInterval, hangUp);
      try {
        const listening = await listen(app, resolved);
        say(`decade: serving ${service.models.map(({ name }) => name).join(', ')} at ${listening.url}`);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        await listening.stop();
      } finally {
        unwatch();
        process.off('SIGHUP', hangUp);
        await service.dispose();
      }
    },
    process.stderr.isTTY === true ? undefined : ['SIGINT', 'SIGTERM'],
  ).catch((error: unknown) => {
    // What was asked to stop and has finished what it accepted did not fail.
    if (!(error instanceof Interrupted)) throw error;
  });
}

async function serverOptionsOf(options: ServeArguments): Promise<ServerOptionsInput> {
  const { host, port, keys, allowHost, allowOrigin, characterLimit, textLimit, textsPerMinute, queue, window, deadline, watch, beam } =
    options;
  return {
    host,
    port,
    keys: keys === undefined ? undefined : await readKeys(keys),
    allowedHosts: allowHost,
    allowedOrigins: allowOrigin,
    languages: languagesNamed(options.languages),
    limits: { characters: characterLimit, texts: textLimit, textsPerMinute },
    queue: { waiting: queue, window },
    deadline,
    reloadInterval: watch,
    beam,
  };
}

/** `MODEL=en-fr`, where a code that has a hyphen itself is written with a colon between: `MODEL=en:pt-BR`. */
export function languagesNamed(given: readonly string[] = []): NonNullable<ServerOptionsInput['languages']> {
  return Object.fromEntries(
    given.map((text) => {
      const [, model, source, target] = /^(.+)=([A-Za-z]+)-([A-Za-z]+)$/.exec(text) ?? /^(.+)=([\w-]+):([\w-]+)$/.exec(text) ?? [];
      if (model !== undefined && source !== undefined && target !== undefined) return [model, { source, target }];
      throw new DecadeError('usage', {
        where: '--languages',
        received: text,
        allowed: 'MODEL=SOURCE-TARGET, as in en-fr=en-fr, or MODEL=en:pt-BR',
      });
    }),
  );
}

async function readKeys(file: string): Promise<string[]> {
  const { keysIn } = await import('../../server/access.js');
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new DecadeError('input', { where: file, received: 'a file that cannot be read', allowed: 'API keys, one per line', cause });
  });
  return keysIn(file, bytes.toString('utf8'));
}
