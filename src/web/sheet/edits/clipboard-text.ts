/** Blocks of cells as text with tabs, as spreadsheets give it to one another. */

/** A field with a tab, a line break or a quote stands in quotes. */
export function toTabbedText(rows: readonly (readonly string[])[]): string {
  return rows
    .map((fields) => fields.map((field) => (/[\t\r\n"]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join('\t'))
    .join('\n');
}

/** Rows of one length. A line break at the end is not another row. */
export function parseTabbedText(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at <= text.length) {
    const { field, end } = readField(text, at);
    row.push(field);
    const separator = text[end];
    if (separator === '\t') {
      at = end + 1;
      continue;
    }
    rows.push(row);
    row = [];
    at = end + (separator === '\r' && text[end + 1] === '\n' ? 2 : 1);
    if (at === text.length) {
      break;
    }
  }
  const width = Math.max(0, ...rows.map((fields) => fields.length));
  return rows.map((fields) => [...fields, ...Array<string>(width - fields.length).fill('')]);
}

function readField(text: string, from: number): { field: string; end: number } {
  if (text[from] === '"') {
    let end = from + 1;
    while (end < text.length && (text[end] !== '"' || text[end + 1] === '"')) {
      end += text[end] === '"' ? 2 : 1;
    }
    const after = end + 1;
    // Quotes that are not closed, or that something follows, are text.
    if (end < text.length && (after >= text.length || /[\t\r\n]/.test(text[after] as string))) {
      return { field: text.slice(from + 1, end).replaceAll('""', '"'), end: after };
    }
  }
  let end = from;
  while (end < text.length && text[end] !== '\t' && text[end] !== '\n' && text[end] !== '\r') {
    end += 1;
  }
  return { field: text.slice(from, end), end };
}
