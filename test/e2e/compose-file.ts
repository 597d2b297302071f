/** docker-compose.yml as Compose reads it: merged, with variables put in. No Docker engine is needed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';

export const repository = fileURLToPath(new URL('../../', import.meta.url));

const SERVICE = z.object({
  image: z.string(),
  build: z.string().optional(),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z.record(z.string(), z.object({ condition: z.enum(['service_healthy', 'service_completed_successfully']) })).default({}),
  healthcheck: z.object({ test: z.array(z.string()), interval: z.string(), timeout: z.string(), retries: z.number() }).optional(),
  restart: z.string(),
  init: z.boolean().optional(),
  stop_grace_period: z.string().optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  configs: z.array(z.object({ source: z.string(), target: z.string() })).default([]),
  profiles: z.array(z.string()).default([]),
  deploy: z.object({ replicas: z.number() }).optional(),
});

const COMPOSE_FILE = z.object({
  name: z.string(),
  services: z.record(z.string(), SERVICE),
  volumes: z.record(z.string(), z.null()),
  configs: z.record(z.string(), z.object({ content: z.string() })),
});

export type ComposeFile = z.output<typeof COMPOSE_FILE>;
export type Service = z.output<typeof SERVICE>;

export function composeText(): string {
  return readFileSync(`${repository}docker-compose.yml`, 'utf8');
}

/** @throws where a variable that has no default is not set */
export function loadCompose(variables: Record<string, string>): ComposeFile {
  return COMPOSE_FILE.parse(interpolate(parse(composeText(), { merge: true }), variables));
}

export function serviceOf(compose: ComposeFile, name: string): Service {
  const service = compose.services[name];
  if (!service) throw new Error(`docker-compose.yml has no service '${name}'`);
  return service;
}

/** `$$`, `${NAME}`, `${NAME:-default}` and `${NAME:?message}`, in every value. */
function interpolate(value: unknown, variables: Record<string, string>): unknown {
  if (typeof value === 'string') {
    return value.replaceAll(
      /\$\$|\$\{(?<name>\w+)(?::(?<kind>[-?])(?<rest>[^}]*))?\}|\$/g,
      (match, name?: string, kind?: string, rest?: string) => {
        if (match === '$$') return '$';
        if (name === undefined) throw new Error(`a single $ in '${value}'`);
        const set = variables[name];
        if (set) return set;
        if (kind === '-') return rest ?? '';
        throw new Error(`required variable ${name} is missing a value: ${rest}`);
      },
    );
  }
  if (Array.isArray(value)) return value.map((item) => interpolate(item, variables));
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolate(item, variables)]));
  }
  return value;
}
