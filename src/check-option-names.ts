import { InvalidInputError } from './errors.ts';

/** The names of what somebody may give; `satisfies OptionNames<…>` says that none was forgotten. */
export type OptionNames<OptionsT> = Readonly<Record<keyof Required<OptionsT>, true>>;

/**
 * One that is misspelt would be ignored without a word.
 * @param where they are given: 'publish', "deadLetter of subscription 'mail'"
 * @throws InvalidInputError for what is no object, or has an option of another name
 */
export function checkOptionNames(where: string, options: unknown, names: Readonly<Record<string, true>>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const kind = Array.isArray(options) ? 'an array' : options === null ? 'null' : `a ${typeof options}`;
    throw new InvalidInputError(`${where} is ${kind}. Give an object of ${Object.keys(names).join(', ')}.`);
  }
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !Object.hasOwn(names, name)) {
      throw new InvalidInputError(`'${name.slice(0, 60)}' is no option of ${where}. There are ${Object.keys(names).join(', ')}.`);
    }
  }
}
