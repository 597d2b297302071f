import type { Figure } from './figure.ts';

/** One line per figure, and below each what it was compared with. */
export function printTable(figures: readonly Figure[]): string {
  const rows = figures.map(({ name, value, unit, baseline, ratio, goal, met }) => [
    name,
    `${shortNumber(value)} ${unit}`,
    `${shortNumber(baseline)} ${unit}`,
    shortNumber(ratio),
    goal,
    met ? 'met' : 'MISSED',
  ]);
  const lines = [['figure', 'value', 'baseline', 'ratio', 'goal', ''], ...rows];
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  const padded = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return padded.flatMap((line, index) => (index === 0 ? [line] : [line, `  ${figures[index - 1]?.note}`])).join('\n');
}

function shortNumber(number: number): string {
  const digits = Math.abs(number) >= 100 ? 0 : Math.abs(number) >= 10 ? 1 : 2;
  return number.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
