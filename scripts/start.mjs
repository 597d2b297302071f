/** `npm start`: from a bare clone to a running system. Arguments go on to `tidemark dev`. */
import { join } from 'node:path';
import { installIfStale, requireNode, root } from './setup.mjs';

requireNode();
installIfStale();
const { buildIfStale } = await import('./build.mjs');
console.log('Checking the build …');
await buildIfStale();

// In this very process: signals, the terminal and the exit code are then those of the command itself.
const cli = join(root, 'dist/cli.js');
process.argv = [process.argv[0], cli, 'dev', '--demo', ...process.argv.slice(2)];
await import(cli);
