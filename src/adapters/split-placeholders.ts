/** A statement for a library whose placeholders have no numbers: what stands between them, and the value of each in the order of the text. */
export function splitPlaceholders(text: string, values: readonly unknown[]): { parts: string[]; ordered: unknown[] } {
  const pieces = text.split(/\$(\d+)/);
  return {
    parts: pieces.filter((_, index) => index % 2 === 0),
    ordered: pieces.filter((_, index) => index % 2 === 1).map((place) => values[Number(place) - 1]),
  };
}
