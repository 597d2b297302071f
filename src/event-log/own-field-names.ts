/** The field names that the objects of a schema can have, as far as a schema tells. */
import type { z } from 'zod';

export function ownFieldNames(schema: z.core.$ZodType, names: Set<string> = new Set(), seen: Set<unknown> = new Set()): Set<string> {
  if (seen.has(schema)) {
    return names;
  }
  seen.add(schema);
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'object':
      for (const name of Object.keys(def.shape)) {
        names.add(name);
      }
      break;
    case 'union':
      for (const option of def.options) {
        ownFieldNames(option, names, seen);
      }
      break;
    case 'intersection':
      ownFieldNames(def.left, names, seen);
      ownFieldNames(def.right, names, seen);
      break;
    case 'pipe':
      ownFieldNames(def.in, names, seen);
      ownFieldNames(def.out, names, seen);
      break;
    case 'lazy':
      ownFieldNames(def.getter(), names, seen);
      break;
    case 'optional':
    case 'nullable':
    case 'nonoptional':
    case 'default':
    case 'prefault':
    case 'catch':
    case 'readonly':
      ownFieldNames(def.innerType, names, seen);
      break;
    default:
      break;
  }
  return names;
}
