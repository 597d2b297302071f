/**
 * What commands print on stdout: columns for people, JSON for programs. Values of cells, ids and messages of errors come from anywhere: what would make a
 * terminal do something is shown as an escape instead.
 */

/** Columns as wide as their content; numbers to the right. The last column may be any length. */
export function formatTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const isNumber = head.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const texts = [head, ...rows].map((row) => row.map((cell) => visibleLine(String(cell))));
  const widths = head.map((_, column) => Math.max(...texts.map((row) => [...(row[column] ?? '')].length)));
  return texts
    .map((row) =>
      row
        .map((text, column) => {
          const gap = ' '.repeat((widths[column] ?? 0) - [...text].length);
          return isNumber[column] ? gap + text : text + gap;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** On one line; a bigint as a decimal string, as everywhere outside the process. All control characters are escaped: JSON itself leaves some. */
export function formatJson(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? part.toString() : part)).replaceAll(CONTROLS, escapeOf);
}

/** Lines may be several. */
export function print(text: string): void {
  process.stdout.write(`${visible(text)}\n`);
}

/** C0 but for tabs and ends of lines, DEL, and C1, in which some terminals begin escape sequences too. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const SHORT: Readonly<Record<string, string>> = { '\t': '\\t', '\n': '\\n' };

/** Without what a terminal would obey: an escape character stands there as \\u001b. */
export function visible(text: string): string {
  return text.replaceAll(CONTROLS, escapeOf);
}

/** The same on one line, where a second one could be taken for ours. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll(/[\t\n]/g, escapeOf);
}

function escapeOf(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** 950 → '950 ms', 12345 → '12 s', 200000 → '3 min', then hours and days. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 10_000) return `${bytes} B`;
  if (bytes < 10_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${Math.round(bytes / 1_000_000)} MB`;
}

/** 1 → '1 entry', 2000 → '2,000 entries'. */
export function formatEntries(count: number | bigint): string {
  return `${formatCount(count)} ${count.toString() === '1' ? 'entry' : 'entries'}`;
}

/** 12345 → '12,345', whatever the locale of the machine. */
export function formatCount(count: number | bigint): string {
  return count.toString().replaceAll(/\B(?=(\d{3})+$)/g, ',');
}
