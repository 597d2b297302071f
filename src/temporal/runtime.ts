/**
 * The SDK's process-wide runtime, made ours before anything of it starts: its logs go where ours go, and signals are not its
 * business, because whoever drains in order must decide when a worker ends.
 */
import { DefaultLogger, makeTelemetryFilterString, Runtime } from '@temporalio/worker';

export interface RuntimeOptions {
  /** Everything, also what is only of use when looking for a fault in the SDK. */
  verbose: boolean;
  log: (level: 'debug' | 'info' | 'warn' | 'error', message: string, details: Record<string, unknown>) => void;
}

const LEVELS = { TRACE: 'debug', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** Once a process. */
export function installRuntime({ verbose, log }: RuntimeOptions): void {
  const level = verbose ? 'DEBUG' : 'WARN';
  Runtime.install({
    logger: new DefaultLogger(level, ({ level: at, message, meta }) => log(LEVELS[at], message, { ...meta })),
    shutdownSignals: [],
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: level, other: 'ERROR' }) } },
  });
}
