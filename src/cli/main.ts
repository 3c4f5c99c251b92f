#!/usr/bin/env node
import { runCommandLine } from './command-line.js';
import { listenToStandardStreams } from './output.js';

listenToStandardStreams();
// A command may end while something still listens to standard input.
process.exit(await runCommandLine(process.argv));
