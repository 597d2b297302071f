/** What a source gets to read with. */
import type { MessageLogger } from '../messages/message.ts';
import type { SourceContext } from './define-source.ts';
import { SourceRefusedError } from './source-errors.ts';
import { createSourceHttp } from './source-http.ts';

/** What the operator of the workers says. */
export interface SourceSettings {
  /** Hosts that may be asked: see allowed-hosts.ts. */
  readonly allowedHosts: readonly string[];
  /** The value of a variable TIDEMARK_SECRET_…; undefined where it is not set. */
  readonly secret: (name: string) => string | undefined;
}

export interface SourceContextOptions {
  cursor: unknown;
  signal: AbortSignal;
  settings: SourceSettings;
  onWait: (text: string) => Promise<void>;
  logger: MessageLogger;
}

export function sourceContext({ cursor, signal, settings, onWait, logger }: SourceContextOptions): SourceContext {
  return {
    cursor,
    signal,
    logger,
    http: (options) => createSourceHttp({ allowedHosts: settings.allowedHosts, signal, onWait }, options),
    secret(name) {
      const value = /^TIDEMARK_SECRET_[A-Z0-9_]+$/.test(name) ? settings.secret(name) : undefined;
      if (value === undefined) {
        throw new SourceRefusedError(
          `${name.slice(0, 100)} is not set in the environment of this worker. Set it there, then redrive this job.`,
        );
      }
      return value;
    },
  };
}
