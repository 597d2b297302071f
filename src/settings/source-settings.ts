/** The settings of workbooks' sources: read where a download runs, with the secrets that they name. */
import { z } from 'zod';
import { allowedHostProblem } from '../workbooks/allowed-hosts.ts';
import { SECRET } from '../workbooks/define-source.ts';
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
  TIDEMARK_SOURCE_SECRETS: setting(
    z
      .string()
      .transform((text) => text.split(',').map((pair) => pair.trim().split('=', 2) as [string, string?]))
      .superRefine((pairs, context) => {
        const message = pairs
          .map(([name, host = '']) => (SECRET.test(name) ? allowedHostProblem(host.toLowerCase()) : SECRET_PROBLEM))
          .find((problem) => problem !== undefined);
        if (message !== undefined) context.addIssue({ code: 'custom', message });
      })
      .optional(),
    'which secret of a source may be sent to which host, with commas between: `TIDEMARK_SECRET_SHOP=api.example.com`. By https; to a host with its port also in the clear',
    'none',
  ),
};

const SECRET_PROBLEM = 'use names of secrets with a host each, such as TIDEMARK_SECRET_SHOP=api.example.com';

const VARIABLES = z.object(SOURCE_VARIABLES);

/** @throws SetupError */
export function loadSourceSettings(environment: Environment = process.env): SourceSettings {
  const { TIDEMARK_SOURCE_HOSTS: allowedHosts = [], TIDEMARK_SOURCE_SECRETS: pairs = [] } = readVariables(
    VARIABLES,
    setVariables(environment),
    isSourceSecret,
  );
  const secretHosts: Record<string, string[]> = {};
  for (const [name, host = ''] of pairs) {
    secretHosts[name] = [...(secretHosts[name] ?? []), host.toLowerCase()];
  }
  return { allowedHosts, secretHosts, variable: (name) => environment[name] || undefined };
}

/** Where somebody has written the secret itself by mistake. */
const isSourceSecret = (name: string) => name === 'TIDEMARK_SOURCE_SECRETS';
