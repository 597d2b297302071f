/** Days since 1899-12-30 by a number-format code for dates, in English. What it does not know stands as it is. */
const DAY_MS = 86_400_000;
const SERIAL_OF_1970 = 25_569;
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const;
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const TOKEN = /"([^"]*)"|\\(.)|am\/pm|y+|m+|d+|h+|s+|\.0+|[\s\S]/gi;

/** @returns undefined for a number that is no date */
export function formatDate(serial: number, code: string): string | undefined {
  const fraction = /\.(0{1,3})/.exec(code)?.[1]?.length ?? 0;
  // To what is shown, so that 8:59:59.9996 is not shown as 8:59:60.
  const step = 1_000 / 10 ** fraction;
  const instant = new Date(Math.round(((serial - SERIAL_OF_1970) * DAY_MS) / step) * step);
  if (!(serial >= 1) || Number.isNaN(instant.getTime()) || instant.getUTCFullYear() > 9_999) {
    return undefined;
  }
  const isTwelveHours = /am\/pm/i.test(code);
  let before = '';
  return code.replaceAll(TOKEN, (token, quoted?: string, escaped?: string, offset?: number) => {
    if (quoted !== undefined || escaped !== undefined) {
      return quoted ?? escaped ?? '';
    }
    const kind = token[0]?.toLowerCase() ?? '';
    const shown = partOf(token, kind, {
      instant,
      isTwelveHours,
      isMinutes: before === 'h' || /^[^a-z]*s/i.test(code.slice((offset ?? 0) + token.length)),
    });
    if (/[ymdhs]/.test(kind)) {
      before = kind;
    }
    return shown;
  });
}

function partOf(
  token: string,
  kind: string,
  { instant, isTwelveHours, isMinutes }: { instant: Date; isTwelveHours: boolean; isMinutes: boolean },
): string {
  const padded = (value: number) => String(value).padStart(Math.min(token.length, 2), '0');
  switch (kind) {
    case 'y':
      return token.length > 2 ? String(instant.getUTCFullYear()).padStart(4, '0') : String(instant.getUTCFullYear() % 100).padStart(2, '0');
    case 'm':
      return isMinutes && token.length <= 2
        ? padded(instant.getUTCMinutes())
        : named(token, MONTHS[instant.getUTCMonth()], padded(instant.getUTCMonth() + 1));
    case 'd':
      return named(token, DAYS[instant.getUTCDay()], padded(instant.getUTCDate()));
    case 'h':
      return padded(isTwelveHours ? instant.getUTCHours() % 12 || 12 : instant.getUTCHours());
    case 's':
      return padded(instant.getUTCSeconds());
    case 'a':
      return token.length === 1 ? token : instant.getUTCHours() < 12 ? 'AM' : 'PM';
    case '.':
      return token.length === 1
        ? token
        : `.${String(instant.getUTCMilliseconds())
            .padStart(3, '0')
            .slice(0, token.length - 1)}`;
    default:
      return token;
  }
}

function named(token: string, name: string | undefined, number: string): string {
  return token.length < 3 ? number : ((token.length === 3 ? name?.slice(0, 3) : name) ?? '');
}
