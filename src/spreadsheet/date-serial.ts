/**
 * Dates as spreadsheets keep them: days since 1899-12-30, the time of day as the fraction, and a number format that shows it as a date.
 *
 * From ISO text to a number and back without a loss: a text whose number would not give the very same text again is no date here.
 * Serial numbers start at 61, 1900-03-01: before it programs disagree, because one of them counts a 29 February 1900.
 */
const DAY_MS = 86_400_000;
const SERIAL_OF_1970 = 25_569;
const FIRST_SERIAL = 61;
/** 10000-01-01 */
const END_SERIAL = 2_958_466;

const ISO = /^(\d{4})-(\d\d)-(\d\d)(?:([ T])(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{3}))?)?(Z)?)?$/;
const ISO_FORMAT = /^yyyy-mm-dd(?:(?: |"T")hh:mm(?::ss(?:\.000)?)?(?:"Z")?)?$/;
/** For formats of other kinds: the first that holds the whole of a number. */
const PLAIN_FORMATS = ['yyyy-mm-dd', 'yyyy-mm-dd hh:mm:ss', 'yyyy-mm-dd hh:mm:ss.000'];

export interface DateCell {
  readonly type: 'date';
  readonly serial: number;
  /** Number-format code that shows `serial` as the text it came from. */
  readonly format: string;
}

/** '2024-02-29', '2024-02-29 08:30:00', with T, without seconds, with milliseconds, with Z. @returns undefined for anything else */
export function parseIsoDate(text: string): DateCell | undefined {
  if (text.length < 10 || text.length > 24 || text.charCodeAt(4) !== 0x2d) {
    return undefined;
  }
  const match = ISO.exec(text);
  if (match === null) {
    return undefined;
  }
  const [, year, month, day, separator, hours, minutes, seconds, milliseconds, zone] = match;
  const start = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const instant = new Date(start);
  const isDay = instant.getUTCMonth() === Number(month) - 1 && instant.getUTCDate() === Number(day);
  if (!isDay || Number(hours ?? 0) > 23 || Number(minutes ?? 0) > 59 || Number(seconds ?? 0) > 59) {
    return undefined;
  }
  const time = ((Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60 + Number(seconds ?? 0)) * 1_000 + Number(milliseconds ?? 0);
  const serial = start / DAY_MS + SERIAL_OF_1970 + time / DAY_MS;
  if (!(serial >= FIRST_SERIAL && serial < END_SERIAL)) {
    return undefined;
  }
  const format =
    separator === undefined
      ? 'yyyy-mm-dd'
      : `yyyy-mm-dd${separator === 'T' ? '"T"' : ' '}hh:mm${seconds === undefined ? '' : ':ss'}${milliseconds === undefined ? '' : '.000'}${zone === undefined ? '' : '"Z"'}`;
  return { type: 'date', serial, format };
}

/**
 * The ISO text of a number that its format shows as a date: in the format's own way where that is ISO, else date or date and time.
 * @returns undefined where the format shows no date, or the text would lose a part of the number
 */
export function isoDateText(serial: number, format: string): string | undefined {
  if (!(serial >= FIRST_SERIAL && serial < END_SERIAL) || !showsDate(format)) {
    return undefined;
  }
  for (const code of ISO_FORMAT.test(format) ? [format] : PLAIN_FORMATS) {
    const text = isoText(serial, code);
    if (text !== undefined) {
      return text;
    }
  }
  return undefined;
}

function isoText(serial: number, format: string): string | undefined {
  const instant = new Date(Math.round((serial - SERIAL_OF_1970) * DAY_MS));
  const iso = instant.toISOString();
  const time = format.includes('.000') ? iso.slice(11, 23) : iso.slice(11, format.includes(':ss') ? 19 : 16);
  const text =
    format.length === 10
      ? iso.slice(0, 10)
      : `${iso.slice(0, 10)}${format.includes('T') ? 'T' : ' '}${time}${format.includes('Z') ? 'Z' : ''}`;
  return parseIsoDate(text)?.serial === serial ? text : undefined;
}

/** About 10 µs: some programs write 15 digits. */
const SAME_SECOND = 1.2e-10;

/** Programs write one second with different last digits. @returns the number that its text gives; `serial` where it is at no whole second */
export function atWholeSecond(serial: number): number {
  const seconds = Math.round((serial - SERIAL_OF_1970) * 86_400);
  const days = Math.floor(seconds / 86_400);
  const whole = days + SERIAL_OF_1970 + ((seconds - days * 86_400) * 1_000) / DAY_MS;
  return Math.abs(whole - serial) < SAME_SECOND ? whole : serial;
}

const shown = new Map<string, boolean>();

/** Whether a number-format code shows a day: it has a year, a day or a month by name outside of literals. Times of day alone are numbers. */
export function showsDate(format: string): boolean {
  let answer = shown.get(format);
  if (answer === undefined) {
    const [codes = ''] = format.replaceAll(/"[^"]*"|\\.|_.|\*.|\[[^\]]*\]/g, '').split(';');
    answer = /[yd]|mmm/i.test(codes);
    if (shown.size >= 1_000) {
      shown.clear();
    }
    shown.set(format, answer);
  }
  return answer;
}

/** Days between the two counts that workbooks use: the one from 1904 is of old Macintosh programs. */
export const DAYS_FROM_1900_TO_1904 = 1_462;
