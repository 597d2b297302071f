const encoder = new TextEncoder();

/** Bytes of `text` in UTF-8, without Node's Buffer. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
