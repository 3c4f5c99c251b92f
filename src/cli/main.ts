#!/usr/bin/env node
import { reportFailure } from './failure.js';
import { listenToStandardStreams } from './output.js';
import { program } from './program.js';

listenToStandardStreams();
const debug = process.argv.includes('--debug');
let code = 0;
try {
  await program().parseAsync(process.argv.filter((argument) => argument !== '--debug'));
} catch (error) {
  code = reportFailure(error, debug);
}
// A command may end while something still listens to standard input.
process.exit(code);
