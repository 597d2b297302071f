/** XML of a workbook's part as events, in pieces as it is unpacked. Names come without their prefix. Nothing is ever fetched or expanded: a DTD is refused. */
import { SaxesParser } from 'saxes';
import { errorMessage, InvalidInputError } from '../../errors.ts';
import type { WorkbookPackage } from './open-package.ts';

export interface XmlHandlers {
  open?(element: string, attributes: Readonly<Record<string, string>>): void;
  /** The text of an element may come in pieces. */
  text?(text: string): void;
  close?(element: string): void;
}

/** Yields after every piece, with how many bytes it came to. @throws InvalidInputError for what is no XML; what the handlers throw */
export async function* parsePart(zip: WorkbookPackage, part: string, handlers: XmlHandlers): AsyncGenerator<number, void, undefined> {
  const parser = new SaxesParser({ position: false });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let thrown: unknown;
  // Called inside of the parser: an error must not leave it half way, so it is kept until the piece is done.
  const guarded = (body: () => void) => {
    if (thrown === undefined) {
      try {
        body();
      } catch (error) {
        thrown = error;
      }
    }
  };
  const fault = (reason: string) =>
    new InvalidInputError(`'${zip.name}' cannot be imported: its part ${part} is no such XML as workbooks hold (${reason}).`);
  parser.on('error', (error) => {
    thrown ??= fault(errorMessage(error));
  });
  parser.on('doctype', () => {
    thrown ??= fault('it has a DTD');
  });
  parser.on('opentag', ({ name, attributes }) => guarded(() => handlers.open?.(localName(name), attributes as Record<string, string>)));
  parser.on('text', (text) => guarded(() => handlers.text?.(text)));
  parser.on('cdata', (text) => guarded(() => handlers.text?.(text)));
  parser.on('closetag', ({ name }) => guarded(() => handlers.close?.(localName(name))));
  const write = (chunk?: Uint8Array) => {
    let text: string;
    try {
      text = chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true });
    } catch {
      throw fault('it is not UTF-8');
    }
    parser.write(text);
    if (thrown !== undefined) {
      throw thrown;
    }
  };
  let length = 0;
  for await (const chunk of zip.read(part)) {
    length += chunk.length;
    write(chunk);
    yield length;
  }
  write();
  parser.close();
  if (thrown !== undefined) {
    throw thrown;
  }
}

/** To the end, in one go: for parts that hold no rows. */
export async function parseWholePart(zip: WorkbookPackage, part: string, handlers: XmlHandlers): Promise<void> {
  for await (const _ of parsePart(zip, part, handlers)) {
    // All is in the handlers.
  }
}

function localName(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(colon + 1);
}
