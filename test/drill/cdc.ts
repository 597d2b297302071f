/** The reader process of the drill: the door of `tidemark cdc` itself. */
import { fileURLToPath } from 'node:url';
import { runCdc } from '../../src/cdc.ts';

await runCdc({ app: fileURLToPath(new URL('./cdc-app.js', import.meta.url)) });
