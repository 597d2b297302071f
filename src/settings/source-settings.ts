/** The settings of workbooks' sources: read where a download runs, with the secrets that they name. */
import { z } from 'zod';
import { allowedHostProblem } from '../workbooks/allowed-hosts.ts';
import type { SourceSettings } from '../workbooks/source-context.ts';
import { type Environment, readVariables, setting, setVariables } from './setting.ts';

export const SOURCE_VARIABLES = {
  TIDEMARK_SOURCE_HOSTS: setting(
    z
      .string()
      .transform((text) => text.split(',').map((host) => host.trim().toLowerCase()))
      .superRefine((hosts, context) => {
        const message = hosts.map(allowedHostProblem).find((problem) => problem !== undefined);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .optional(),
    'hosts that downloads of workbooks may reach, with commas between: `api.example.com`, `api.example.com:8443`, `*.example.com`',
    'none',
  ),
};

const VARIABLES = z.object(SOURCE_VARIABLES);

/** @throws SetupError */
export function loadSourceSettings(environment: Environment = process.env): SourceSettings {
  const { TIDEMARK_SOURCE_HOSTS: allowedHosts = [] } = readVariables(VARIABLES, setVariables(environment));
  return { allowedHosts, secret: (name) => environment[name] || undefined };
}
