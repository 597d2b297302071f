/**
 * Which hosts downloads may reach: those that the operator names, no others. Whoever may create a workbook must not be able to make a worker ask whatever is in
 * its network.
 */
import { SourceRefusedError } from './source-errors.ts';

/** `api.example.com` (at the port of its scheme), `api.example.com:8443`, `*.example.com` (every host below it), `*.example.com:8443`. */
const HOST = /^(\*\.)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/;

/** @returns why it is none; undefined where it is one */
export function allowedHostProblem(text: string): string | undefined {
  return HOST.test(text) ? undefined : 'use names of hosts such as api.example.com, api.example.com:8443 or *.example.com';
}

/** @throws SourceRefusedError */
export function requireAllowed(url: URL, allowed: readonly string[]): void {
  if (!allowed.some((one) => covers(one.toLowerCase(), url))) {
    throw new SourceRefusedError(
      `Downloads may not reach ${url.host}: whoever runs the workers adds it to TIDEMARK_SOURCE_HOSTS (or allowedHosts of downloadRecordsJob), then redrive this job.`,
    );
  }
}

/** By https, or at a port that is named: in the clear nothing is sent by mistake. */
export function maySendSecret(url: URL, hosts: readonly string[]): boolean {
  return hosts.some(
    (one) => covers(one.toLowerCase(), url) && (url.protocol === 'https:' || HOST.exec(one.toLowerCase())?.[3] !== undefined),
  );
}

function covers(allowed: string, { protocol, hostname, port }: URL): boolean {
  const [, wildcard, name = '', allowedPort] = HOST.exec(allowed) ?? [];
  const isHost = wildcard === undefined ? hostname === name : hostname.endsWith(`.${name}`);
  // A URL has no port where it is that of its scheme.
  const asked = port === '' ? { 'http:': '80', 'https:': '443' }[protocol] : port;
  return isHost && (allowedPort === undefined ? port === '' : allowedPort === `:${asked}`);
}
