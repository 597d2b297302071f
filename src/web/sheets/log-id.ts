/** What a sheet may be called. */
export const LOG_ID_RULE = 'Use 1 to 100 of a–z, 0–9, “.”, “_” and “-”, beginning with a letter or digit.';

export const isLogId = (text: string): boolean => /^[a-z0-9][a-z0-9._-]{0,99}$/.test(text);

/** The name of a file as that of a sheet: “Flight data (2024).csv” → flight-data-2024. */
export function logIdOfFile(name: string): string {
  const id = name
    .replace(/\.[^.]*$/, '')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+|-+$/g, '')
    .slice(0, 100);
  return id === '' ? 'sheet' : id;
}
