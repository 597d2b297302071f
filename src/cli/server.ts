import type { Command } from 'commander';
import type { ServerOptions } from '../server.ts';
import { parseWhole } from './parse-option.ts';
import { checkServiceType } from './service-type.ts';

const EXAMPLES = `
Examples:
  $ tidemark server                                  the REST API and the page, on 127.0.0.1:7420
  $ tidemark server --host 0.0.0.0 --port 80         for others too: they need tokens
  $ tidemark server --read-only --app dist/app.js

Needs DATABASE_URL, or a running 'tidemark dev' in this folder. What it offers: /docs and /openapi.json. Logs JSON lines (LOG_LEVEL).
TIDEMARK_HTTP_HOST, TIDEMARK_HTTP_PORT: where it listens. SIGTERM or Ctrl-C finishes requests; a second one ends it at once.`;

export function addServer(program: Command): void {
  program
    .command('server')
    .description('serve the REST API and the web page')
    .option('--app <file>', 'file whose default export is the createTidemark instance')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
    .option('--port <port>', 'port to listen on, 0 for a free one (default: 7420)', parseWhole(0, 65_535))
    .option('--read-only', 'refuse everything that writes')
    .addHelpText('after', EXAMPLES)
    .action(async (options: ServerOptions) => {
      checkServiceType('server');
      const { runServer } = await import('../server.ts');
      await runServer(options);
    });
}
