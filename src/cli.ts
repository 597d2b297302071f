#!/usr/bin/env node
/** Door: the `tidemark` command. */
import { runCommandLine } from './cli/program.ts';

// A reader that has seen enough (`tidemark log x | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const code = await runCommandLine(process.argv);
// What an application's own file has opened must not keep a finished command alive; what was printed must arrive.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
