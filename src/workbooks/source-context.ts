/** What a source gets to read with. */
import type { MessageLogger } from '../messages/message.ts';
import { maySendSecret } from './allowed-hosts.ts';
import { CONNECTION, SECRET, type SourceContext } from './define-source.ts';
import { SourceRefusedError } from './source-errors.ts';
import { createSourceHttp } from './source-http.ts';

/** What the operator of the workers says. */
export interface SourceSettings {
  /** Hosts that may be asked: see allowed-hosts.ts. */
  readonly allowedHosts: readonly string[];
  /** Hosts that a secret may be sent to, by its name: TIDEMARK_SECRET_…. */
  readonly secretHosts: Readonly<Record<string, readonly string[]>>;
  /** The value of a variable TIDEMARK_SECRET_… or TIDEMARK_CONNECTION_…; undefined where it is not set. */
  readonly variable: (name: string) => string | undefined;
}

export interface SourceContextOptions {
  cursor: unknown;
  /** Of the table: those to take. */
  columns: readonly string[] | undefined;
  signal: AbortSignal;
  settings: SourceSettings;
  onWait: (text: string) => Promise<void>;
  heartbeat: () => Promise<void>;
  logger: MessageLogger;
}

export function sourceContext({ cursor, columns, signal, settings, onWait, heartbeat, logger }: SourceContextOptions): SourceContext {
  const { allowedHosts, secretHosts, variable } = settings;
  const read = (name: string, pattern: RegExp): string => {
    const value = pattern.test(name) ? variable(name) : undefined;
    if (value === undefined) {
      throw new SourceRefusedError(
        `${name.slice(0, 100)} is not set in the environment of this worker. Set it there, then redrive this job.`,
      );
    }
    return value;
  };
  return {
    cursor,
    columns,
    signal,
    heartbeat,
    logger,
    http: (options) => createSourceHttp({ allowedHosts, signal, onWait, heartbeat }, options),
    secret(name, to) {
      if (!maySendSecret(to, Object.hasOwn(secretHosts, name) ? (secretHosts[name] ?? []) : [])) {
        throw new SourceRefusedError(
          `${name.slice(0, 100)} may not be sent to ${to.origin}: whoever runs the workers says where it may go in TIDEMARK_SOURCE_SECRETS (or secretHosts of downloadRecordsJob), then redrive this job.`,
        );
      }
      return read(name, SECRET);
    },
    connection: (name) => read(name, CONNECTION),
  };
}
