/**
 * Cron expressions of five fields, checked before Temporal sees them. Whatever passes here Temporal takes, and some date matches it, if only a 29th of
 * February that is a Monday. Whether a zone leaves that time out each year is for its server to know.
 *
 * A field is `*`, numbers, names of months and weekdays, ranges, steps and lists of those. Where both a day of the month and a weekday are given,
 * both have to match.
 */

interface Field {
  name: string;
  least: number;
  most: number;
  names?: readonly string[];
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const FIELDS: readonly Field[] = [
  { name: 'minute', least: 0, most: 59 },
  { name: 'hour', least: 0, most: 23 },
  { name: 'day of the month', least: 1, most: 31 },
  { name: 'month', least: 1, most: 12, names: MONTHS },
  { name: 'weekday', least: 0, most: 7, names: WEEKDAYS },
];

/** @returns what is wrong with it, and what to use; undefined for one that can be used */
export function cronProblem(cron: string): string | undefined {
  const parts = cron.trim().split(/\s+/);
  if (parts.length !== FIELDS.length) {
    return `it has ${cron.trim() === '' ? 0 : parts.length} fields: use five, minute, hour, day of the month, month and weekday, such as '0 10 * * *'`;
  }
  const values: number[][] = [];
  for (const [index, field] of FIELDS.entries()) {
    const found = valuesOf(parts[index] as string, field);
    if (typeof found === 'string') return found;
    values.push(found);
  }
  const [, , days = [], months = []] = values;
  const first = Math.min(...days);
  if (months.every((month) => first > (DAYS_OF_MONTH[month - 1] as number))) {
    return `day ${first} is in none of its months: it would never fire`;
  }
  return undefined;
}

function valuesOf(part: string, field: Field): number[] | string {
  const values: number[] = [];
  for (const item of part.split(',')) {
    const [, from = '', to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d{1,2}))?$/.exec(item) ?? [];
    const first = from === '*' ? field.least : numberOf(from, field);
    const last =
      to !== undefined ? numberOf(to, field) : from === '*' || step !== undefined ? field.most - (field.most === 7 ? 1 : 0) : first;
    if (first === undefined || last === undefined || last < first || (from === '*' && to !== undefined) || Number(step ?? 1) < 1) {
      return `its ${field.name} '${part.slice(0, 40)}' cannot be used: use *, or numbers from ${field.least} to ${field.most}, ranges (1-5), steps (*/15) and lists (1,3)`;
    }
    for (let value = first; value <= last; value += Number(step ?? 1)) values.push(value);
  }
  return values;
}

function numberOf(text: string, { least, most, names }: Field): number | undefined {
  const named = names?.indexOf(text.toLowerCase()) ?? -1;
  const value = named >= 0 ? named + (least === 1 ? 1 : 0) : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}
