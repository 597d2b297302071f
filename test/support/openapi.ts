/** An OpenAPI 3.1 document as a contract: what it says an operation may answer, and whether an answer is one of those. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

export interface OpenApiDocument {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, unknown> };
}

interface Operation {
  requestBody?: unknown;
  security?: Record<string, string[]>[];
  responses: Record<string, { content?: Record<string, { schema?: unknown }> }>;
}

export interface Answered {
  status: number;
  /** The header, as it came. */
  contentType: string | null;
  /** Parsed where the type is JSON, else the text. */
  body: unknown;
}

export interface DocumentedOperation {
  /** 'GET /logs/{logId}' */
  name: string;
  method: string;
  path: string;
  statuses: readonly number[];
  takesBody: boolean;
  /** 'public', 'caller' or a scope. */
  needs: string;
}

export interface Contract {
  readonly operations: readonly DocumentedOperation[];
  /** @returns what is wrong with an answer; undefined: it is as documented */
  problemOf(operation: string, answered: Answered): string | undefined;
}

export function openApiContract(document: OpenApiDocument): Contract {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  addFormats.default(ajv);
  ajv.addSchema(document, 'openapi.json');
  const validators = new Map<string, ValidateFunction>();
  const operations = new Map<string, Operation>();
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) operations.set(`${method.toUpperCase()} ${path}`, operation);
  }

  /** Compiled where it stands, so that what it refers to is found. */
  function validatorOf(operation: string, status: number, type: string): ValidateFunction {
    const [method = '', path = ''] = operation.split(' ');
    const pointer = ['paths', path, method.toLowerCase(), 'responses', String(status), 'content', type, 'schema'];
    const ref = `openapi.json#/${pointer.map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')}`;
    const known = validators.get(ref) ?? ajv.compile({ $ref: ref });
    validators.set(ref, known);
    return known;
  }

  return {
    operations: [...operations].map(([name, { responses, requestBody, security = [] }]) => {
      const [method = '', path = ''] = name.split(' ');
      const needs = security.length === 0 ? 'public' : (Object.values(security[0] ?? {})[0]?.[0] ?? 'caller');
      return { name, method, path, needs, takesBody: requestBody !== undefined, statuses: Object.keys(responses).map(Number) };
    }),
    problemOf(operation, { status, contentType, body }) {
      const response = operations.get(operation)?.responses[status];
      if (response === undefined) return `${operation} answered ${status}, which is not documented`;
      const content = response.content ?? {};
      const type = contentType?.split(';')[0]?.trim().toLowerCase();
      if (type === undefined || body === '') {
        return Object.keys(content).length === 0 ? undefined : `${operation} answered ${status} without the documented body`;
      }
      if (content[type] === undefined) {
        return `${operation} answered ${status} as ${type}; documented are ${Object.keys(content).join(', ') || 'none'}`;
      }
      if (content[type].schema === undefined || !type.includes('json')) return undefined;
      const validate = validatorOf(operation, status, type);
      return validate(body) ? undefined : `${operation} answered ${status}: ${ajv.errorsText(validate.errors, { dataVar: 'body' })}`;
    },
  };
}
