/** What a variable of the environment may be, and what the documents say of it: one definition for both. */
import { z } from 'zod';
import { SetupError } from '../errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** How the documents tell of a variable. */
export interface SettingText {
  text: string;
  /** Where it is no value of the schema's own. In Markdown. */
  byDefault?: string;
}

/** @param text in Markdown, for the table of docs/operations.md */
export function setting<SchemaT extends z.ZodType>(schema: SchemaT, text: string, byDefault?: string): SchemaT {
  return schema.meta({ text, ...(byDefault === undefined ? {} : { byDefault }) });
}

export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `use a whole number from ${least} to ${most}`)
    .transform(Number)
    .refine((value) => value >= least && value <= most, `use a whole number from ${least} to ${most}`)
    .optional();

/** Those that are set: an empty variable counts as one that is not. */
export function setVariables(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((pair): pair is [string, string] => Boolean(pair[1])));
}

/** @param isSecret whose values stay out of messages. @throws SetupError naming the first variable that is wrong, its value and what it may be */
export function readVariables<VariablesT extends z.ZodType>(
  variables: VariablesT,
  set: Record<string, string>,
  isSecret: (name: string, value: string) => boolean = () => false,
): z.output<VariablesT> {
  const parsed = variables.safeParse(set);
  if (parsed.success) {
    return parsed.data;
  }
  const [issue] = parsed.error.issues;
  const name = String(issue?.path[0]);
  const value = set[name] ?? '';
  throw new SetupError(`${name} ${isSecret(name, value) ? 'cannot be used' : `is '${value.slice(0, 100)}'`}: ${issue?.message}.`);
}
