/** Whether a value comes back from JSON as it went in. A state that does not would differ after its first snapshot. */

/** @returns where and what the first value is that JSON would lose or change; undefined where there is none */
export function jsonProblem(value: unknown, path = ''): string | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined;
    case 'number':
      return Number.isFinite(value) ? undefined : `${value} at ${path || 'its top'}`;
    case 'object':
      return value === null ? undefined : objectProblem(value, path);
    default:
      return `a value of type ${typeof value} at ${path || 'its top'}`;
  }
}

function objectProblem(value: object, path: string): string | undefined {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const problem = jsonProblem(value[index], `${path}[${index}]`);
      if (problem !== undefined) {
        return problem;
      }
    }
    return undefined;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return `a ${value.constructor?.name ?? 'class instance'} at ${path || 'its top'}`;
  }
  for (const [key, item] of Object.entries(value)) {
    // A key whose value is undefined is left out of JSON, which TypeScript's optional fields mean by it.
    const problem = item === undefined ? undefined : jsonProblem(item, `${path}.${key}`);
    if (problem !== undefined) {
      return problem;
    }
  }
  return undefined;
}
