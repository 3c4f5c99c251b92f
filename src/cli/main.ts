#!/usr/bin/env node
import { runCommandLine } from './command-line.js';
import { listenToStandardStreams } from './output.js';

listenToStandardStreams();
const exitCode = await runCommandLine(process.argv);
// What was said may still be on its way through a pipe.
await new Promise((resolve) => process.stderr.write('', resolve));
// A command may end while something still listens to standard input.
process.exit(exitCode);
