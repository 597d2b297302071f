/** What doctor says about the HTTP server: whether it answers, and with which version. */
import { errorMessage } from '../errors.ts';
import { readVersion } from '../version.ts';
import type { Finding } from './finding.ts';

const DEADLINE_MS = 5_000;

/** @param url undefined: where it is nobody has said */
export async function checkServer(url: string | undefined): Promise<Finding[]> {
  return url === undefined ? [] : [{ check: 'server', ...(await look(url)) }];
}

async function look(url: string): Promise<Omit<Finding, 'check'>> {
  try {
    const { info } = (await ask(`${url}/openapi.json`)) as { info?: { version?: string } };
    const { status, missing = [] } = (await ask(`${url}/health/ready`)) as { status?: unknown; missing?: string[] };
    if (info?.version === undefined || status === undefined) {
      return { state: 'warning', found: `something else answers at ${url}`, fix: 'Stop it, or set TIDEMARK_HTTP_PORT.' };
    }
    const found = `tidemark ${info.version} at ${url}/`;
    if (missing.length > 0) {
      return { state: 'warning', found: `${found}, which misses ${missing.join('; ')}`, fix: 'See what is said of these.' };
    }
    const own = readVersion();
    return info.version === own ? { state: 'ok', found } : { state: 'warning', found, fix: `Start it anew: this is ${own}.` };
  } catch (error) {
    return {
      state: 'warning',
      found: `nothing answers at ${url}: ${errorMessage((error as { cause?: unknown }).cause ?? error)}`,
      fix: "Look into server.log in the data folder of 'tidemark dev'.",
    };
  }
}

async function ask(url: string): Promise<unknown> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) });
  return answer.json();
}
