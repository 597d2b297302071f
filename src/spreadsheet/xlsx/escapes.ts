/** Characters that XML cannot hold, or would change, are written `_xHHHH_` in a workbook's texts; and so is an underscore that would look like one. */

const ESCAPED = /_x([0-9A-Fa-f]{4})_/g;
/** Control characters but for tab and line feed, and the two that are no characters. */
const NEEDS_ESCAPE = /(?![\t\n])[\p{Cc}\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)/gu;
const MARKUP = /[&<>]/g;
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

export function decodeEscapes(text: string): string {
  return text.includes('_x') ? text.replaceAll(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : text;
}

/** As the text of an XML element. */
export function encodeText(text: string): string {
  return encodeXml(
    text.replaceAll(NEEDS_ESCAPE, (character) => `_x${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}_`),
  );
}

/** Markup alone; also right inside of quotes, where the value has none. */
export function encodeXml(text: string): string {
  return text.replaceAll(MARKUP, (character) => ENTITIES[character] as string);
}
