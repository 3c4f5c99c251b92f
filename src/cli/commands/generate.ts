import { Command } from 'commander';
import { DecadeError } from '../../core/errors.js';
import type { GeneratedText, GenerationResult, ReadPrompt } from '../../decoding/generation/generator.js';
import { type GenerationOptionsInput, generationOptions, resolveGenerationOptions } from '../../decoding/generation/options.js';
import { formatNbestLine, translationFeatures } from '../../decoding/nbest.js';
import type { LoadedModel } from '../../loaded-model.js';
import { oneLine } from '../../text/normalisation.js';
import { type DeviceChoice, gathered, wholeNumber, withDevicesOption, withGemmOption } from '../arguments.js';
import { interruptible } from '../interruption.js';
import { openModel } from '../model.js';
import { type Output, openOutput } from '../output.js';
import { figure, ProgressBar } from '../progress.js';
import { type SamplingChoice, samplingOf, withSamplingOptions } from '../sampling.js';
import { linesOf, requireNoneBroken } from '../text-input.js';
import { warn } from '../warning.js';

interface GenerateArguments extends DeviceChoice, SamplingChoice {
  model: string[];
  prompt?: string;
  input?: string;
  output?: string;
  maxLength?: number;
  stop?: string[];
  forbidRepeats?: number;
  maxPromptLength?: number;
}

export function generateCommand(): Command {
  const { maximumLength, maximumPromptLength } = generationOptions.parse({});
  const command = new Command('generate')
    .description('Write on from a prompt with a language model. Text is written as it comes; several texts as n-best lists.')
    .requiredOption(
      '-m, --model <RUN,...>',
      'run directory, packed model or its URL; several (separated by commas, or repeat -m) form an ensemble',
      gathered,
    )
    .option('--prompt <TEXT>', 'what the text begins with (default: nothing)')
    .option('-i, --input <FILE>', 'prompts, one per line, .gz too; - is standard input')
    .option('-o, --output <FILE>', 'where to write (default: standard output)')
    .option('--max-length <tokens>', `maximum length of what is written (default: ${maximumLength})`, wholeNumber(1, 100_000))
    .option('--stop <TEXT>', 'end before this text; may be repeated', gathered)
    .option('--forbid-repeats <tokens>', 'do not repeat an n-gram of this many tokens; 0: no limit', wholeNumber(0, 1000))
    .option(
      '--max-prompt-length <tokens>',
      `read only the end of longer prompts, with a warning (default: ${maximumPromptLength.toLocaleString('en')})`,
      wholeNumber(1, 1_000_000),
    );
  return withGemmOption(withDevicesOption(withSamplingOptions(command)))
    .addHelpText(
      'after',
      `
With --input or --samples every text is a line \`number ||| text ||| feature= values ||| score\`, prompts numbered from 0; line ends in a
text are then written as spaces, and the score is the mean log-probability of its tokens.

Examples:
  $ decade generate -m runs/shakespeare --prompt 'To be, or' --temperature 0.8
  $ decade generate -m runs/shakespeare -i prompts.txt --samples 5 --top-p 0.9 --seed 2 -o texts.nbest`,
    )
    .action((options: GenerateArguments) => interruptible('stopping', (signal) => generate(options, signal)));
}

async function generate(options: GenerateArguments, signal: AbortSignal): Promise<void> {
  if (options.prompt !== undefined && options.input !== undefined) {
    const next = 'give one prompt with --prompt, or several in a file, one per line';
    throw new DecadeError('usage', { where: '--prompt', received: 'together with --input', allowed: 'one of them', next });
  }
  const chosen = generationOf(options);
  const output = await openOutput(options.output);
  const model = await openModel(options.model, options, signal);
  try {
    if (options.input === undefined && options.samples === undefined) await writeText(model, options.prompt ?? '', chosen, output, signal);
    else await writeList(model, options, chosen, output, signal);
  } finally {
    await output.abandon();
    await model.dispose();
  }
}

/** What the library calls the options that were given. Throws `usage` for what it would refuse, before anything is read or computed. */
function generationOf(options: GenerateArguments): GenerationOptionsInput {
  const given = {
    ...samplingOf(options),
    ...(options.maxLength !== undefined && { maximumLength: options.maxLength }),
    ...(options.stop !== undefined && { stop: options.stop }),
    ...(options.forbidRepeats !== undefined && { forbidRepeats: options.forbidRepeats }),
    ...(options.maxPromptLength !== undefined && { maximumPromptLength: options.maxPromptLength }),
  };
  resolveGenerationOptions(given);
  return given;
}

/** One text, piece by piece, after its prompt. */
async function writeText(
  model: LoadedModel,
  prompt: string,
  options: GenerationOptionsInput,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  let begun = '';
  const onPrompt = ({ text, warning }: ReadPrompt) => {
    if (warning !== undefined) warn(warning);
    begun = text;
  };
  let last = '';
  for await (const piece of model.generate(prompt, { ...options, signal, onPrompt })) {
    last = `${begun}${piece}`;
    begun = '';
    await output.write(last);
  }
  // The text of a model may end its last line itself.
  if (begun !== '' || !last.endsWith('\n')) await output.write(`${begun}\n`);
  await output.close();
}

/** Several texts, a line each. */
async function writeList(
  model: LoadedModel,
  options: GenerateArguments,
  chosen: GenerationOptionsInput,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const progress = new ProgressBar(!(options.output === undefined && process.stdout.isTTY === true));
  const broken = new Map<number, string>();
  const started = performance.now();
  try {
    const results = model.generateStream(promptsOf(options, broken), {
      ...chosen,
      signal,
      onProgress: ({ lines, tokens, search }) =>
        progress.update({
          label: 'generating',
          figures: [
            `${figure(lines)} ${lines === 1 ? 'prompt' : 'prompts'}`,
            `${figure((1000 * tokens) / (performance.now() - started))} tokens/s`,
            ...(search === undefined
              ? []
              : [`${figure(search.hypotheses)} texts at token ${figure(search.tokens)} of at most ${figure(search.maximumTokens)}`]),
          ],
        }),
    });
    for await (const result of results) {
      if (broken.has(result.line)) continue;
      if (result.prompt.warning !== undefined) warn(result.prompt.warning, progress);
      await output.write(linesFor(result));
    }
    await output.close();
  } finally {
    progress.end();
  }
  requireNoneBroken([...broken.values()], 'nothing was written for it');
}

/** A line that is not valid UTF-8 keeps its number, so that what is drawn for the others stays the same. */
async function* promptsOf({ prompt = '', input }: GenerateArguments, broken: Map<number, string>): AsyncGenerator<string> {
  if (input === undefined) return yield prompt;
  let line = 0;
  for await (const { where, text } of linesOf(input)) {
    line++;
    if (text === undefined) broken.set(line, where);
    yield text ?? '';
  }
}

function linesFor({ line, prompt, samples }: GenerationResult): string {
  const format = ({ text, logProbability, tokenLogProbabilities }: GeneratedText) => {
    const features = translationFeatures({ logProbability, tokenLogProbabilities, lengthPenalty: { kind: 'power', alpha: 1 } });
    const score = logProbability / tokenLogProbabilities.length;
    return `${formatNbestLine(line - 1, { text: oneLine(prompt.text + text), features, score, further: [] })}\n`;
  };
  return samples.map(format).join('');
}
