/**
 * TEMPORAL_… as every Temporal client reads them: the profile TEMPORAL_PROFILE of the file TEMPORAL_CONFIG_FILE (else of
 * `temporal.toml` here, when a profile is named; else of the user's own file), with single variables on top.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { errorMessage, SetupError } from '../errors.ts';
import type { TemporalOptions } from './connection.ts';

export interface TemporalSettings extends Readonly<TemporalOptions> {
  /** False: nothing names a server, and `address` is where one usually is. */
  readonly configured: boolean;
}

const DEFAULT_ADDRESS = '127.0.0.1:7233';

/** @throws SetupError */
export function temporalSettings(variables: Record<string, string>, directory: string): TemporalSettings {
  const { TEMPORAL_ADDRESS, TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE } = variables;
  const own = join(directory, 'temporal.toml');
  const file = TEMPORAL_CONFIG_FILE ?? (TEMPORAL_PROFILE && existsSync(own) ? own : undefined);
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: variables,
      ...(file ? { configSource: { path: file } } : {}),
    });
    const { address, apiKey, tls } = connectionOptions;
    return Object.freeze({
      configured: Boolean(TEMPORAL_ADDRESS || TEMPORAL_CONFIG_FILE || TEMPORAL_PROFILE),
      address: address ?? DEFAULT_ADDRESS,
      namespace: namespace ?? 'default',
      ...(typeof apiKey === 'string' ? { apiKey } : {}),
      ...(tls ? { tls: tls as NonNullable<TemporalOptions['tls']> } : {}),
    });
  } catch (error) {
    const profile = `TEMPORAL_PROFILE '${TEMPORAL_PROFILE ?? 'default'}' of ${file ?? "the user's own file"}`;
    throw new SetupError(`The Temporal settings cannot be used: ${errorMessage(error)} (${profile}).`, { cause: error });
  }
}
