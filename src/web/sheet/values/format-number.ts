/** Numbers by a number-format code: digits, thousands, percent, literals around them, a second section for negative ones. */
interface Section {
  readonly prefix: string;
  readonly suffix: string;
  readonly isPercent: boolean;
  readonly digits: Intl.NumberFormat;
}

const DIGITS = /[#0?][#0?,]*(?:\.[#0?]*)?|\.[#0?]+/;
const sections = new Map<string, readonly (Section | undefined)[]>();

/** @returns undefined for a code that this does not know */
export function formatNumber(value: number, code: string): string | undefined {
  const [positive, negative] = sectionsOf(code);
  const isNegative = value < 0;
  const section = isNegative && negative ? negative : positive;
  if (section === undefined) {
    return undefined;
  }
  const text = section.digits.format(Math.abs(value) * (section.isPercent ? 100 : 1));
  const sign = isNegative && !negative && /[1-9]/.test(text) ? '-' : '';
  return `${sign}${section.prefix}${text}${section.suffix}`;
}

function sectionsOf(code: string): readonly (Section | undefined)[] {
  let known = sections.get(code);
  if (known === undefined) {
    known = code.match(/(?:"[^"]*"|\\.|[^;])+/g)?.map(parseSection) ?? [];
    if (sections.size > 500) {
      sections.clear();
    }
    sections.set(code, known);
  }
  return known;
}

function parseSection(section: string): Section | undefined {
  // Colours and conditions change nothing here; a width of another character is a space.
  const code = section
    .replaceAll(/\[[^\]]*\]/g, '')
    .replaceAll(/_./g, ' ')
    .replaceAll(/\*./g, '');
  const match = DIGITS.exec(code.replaceAll(/"[^"]*"|\\./g, (literal) => '\u0001'.repeat(literal.length)));
  if (match === null) {
    return undefined;
  }
  const [digits] = match;
  const prefix = literal(code.slice(0, match.index));
  const suffix = literal(code.slice(match.index + digits.length));
  if (prefix === undefined || suffix === undefined) {
    return undefined;
  }
  const [whole = '', fraction = ''] = digits.split('.');
  return {
    prefix,
    suffix,
    isPercent: `${prefix}${suffix}`.includes('%'),
    digits: new Intl.NumberFormat('en', {
      useGrouping: whole.includes(','),
      minimumIntegerDigits: Math.min(21, Math.max(1, whole.replaceAll(/[^0]/g, '').length)),
      minimumFractionDigits: Math.min(20, fraction.replaceAll(/[^0]/g, '').length),
      maximumFractionDigits: Math.min(20, fraction.length),
    }),
  };
}

/** @returns undefined where it has letters that would mean something */
function literal(text: string): string | undefined {
  const rest = text.replaceAll(/"[^"]*"|\\./g, '');
  return /[a-z#0?@]/i.test(rest)
    ? undefined
    : text.replaceAll(/"([^"]*)"|\\(.)/g, (_, quoted?: string, escaped?: string) => quoted ?? escaped ?? '');
}
