/**
 * JSON with whole numbers that lose nothing: one that JavaScript's numbers do not hold (above 2^53) becomes the text that stands there. An id, or a cursor that
 * is sent back, is then what the server said. Fractions are what JSON.parse makes of them.
 */

/** @throws SyntaxError */
export function parseExactJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (!/\d{16}/.test(text)) {
    return value;
  }
  const exact = quoteLargeIntegers(text);
  return exact === undefined ? value : JSON.parse(exact);
}

/** @param text valid JSON. @returns undefined where it has none */
function quoteLargeIntegers(text: string): string | undefined {
  // From string to string, and what is a number between them.
  const next = /"|-?\d[\d.eE+-]*/g;
  const pieces: string[] = [];
  let taken = 0;
  for (let found = next.exec(text); found !== null; found = next.exec(text)) {
    const [token] = found;
    if (token === '"') {
      next.lastIndex = endOfString(text, found.index + 1);
    } else if (/^-?\d{16,}$/.test(token) && String(Number(token)) !== token) {
      pieces.push(text.slice(taken, found.index), `"${token}"`);
      taken = next.lastIndex;
    }
  }
  return taken === 0 ? undefined : pieces.join('') + text.slice(taken);
}

/** @returns the place behind the quote that ends it */
function endOfString(text: string, from: number): number {
  for (let at = text.indexOf('"', from); ; at = text.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (text[at - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return at + 1;
  }
}
