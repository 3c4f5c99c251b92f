#!/usr/bin/env node
import { runCommandLine } from './command-line.js';
import { listenToStandardStreams } from './output.js';
import { everythingSaid } from './terminal.js';

listenToStandardStreams();
const exitCode = await runCommandLine(process.argv);
await everythingSaid();
// A command may end while something still listens to standard input.
process.exit(exitCode);
