/**
 * Logs of processes that run unattended: one JSON object a line on stdout, at LOG_LEVEL. No secret is ever written: passwords
 * in addresses are masked in every line, and so are the values given as `secrets`.
 */
import { pino } from 'pino';
import type { LogLevel } from './settings/variables.ts';

export type Logger = ReturnType<typeof createLogger>;

export interface LoggerOptions {
  level: LogLevel;
  /** Which process writes: `worker`, `starter`. */
  name: string;
  secrets?: readonly (string | undefined)[];
  write?: (line: string) => void;
}

export function createLogger({ level, name, secrets = [], write = (line) => process.stdout.write(line) }: LoggerOptions) {
  const base = { name, pid: process.pid };
  // An error is a field of ours, of Temporal's SDK and of handlers; as JSON it would be {}.
  const serializers = { error: pino.stdSerializers.errWithCause, err: pino.stdSerializers.errWithCause };
  return pino(
    { level, base, serializers, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line) => write(maskSecrets(line, secrets)) },
  );
}

/** For what logs a text with fields and knows no logger of ours. */
export function linesOf(log: Logger): (level: 'debug' | 'info' | 'warn' | 'error', text: string, fields: Record<string, unknown>) => void {
  return (level, text, fields) => log[level](fields, text);
}

/** A text that may be shown: passwords in addresses, and these secrets, replaced by ***. */
export function maskSecrets(text: string, secrets: readonly (string | undefined)[] = []): string {
  let masked = text.replaceAll(/(\w:\/\/[^\s:/@]*):[^\s/"']*@/g, '$1:***@').replaceAll(/([?&]password=)[^&\s"']*/g, '$1***');
  for (const secret of secrets) {
    if (secret) masked = masked.replaceAll(secret, '***');
  }
  return masked;
}
