/** What a workbook says before its cells: its worksheets by name, its count of days, the texts and the number formats that cells point to. */
import { InvalidInputError } from '../../errors.ts';
import { MAX_FORMAT_LENGTH, textProblem } from '../cell.ts';
import { overLimit } from '../unpack-limits.ts';
import { decodeEscapes } from './escapes.ts';
import type { WorkbookPackage } from './open-package.ts';
import { parseWholePart } from './parse-xml.ts';
import { APPLICATION } from './workbook-parts.ts';

export interface Workbook {
  /** In their order; chart sheets are none. */
  worksheets: { name: string; part: string }[];
  /** Days are counted from 1904. */
  is1904: boolean;
  /** Was written here, and not saved by another program since. */
  isOurs: boolean;
  sharedStringsPart: string | undefined;
  stylesPart: string | undefined;
}

export async function readWorkbook(zip: WorkbookPackage): Promise<Workbook> {
  const root = await readRelations(zip, '');
  const workbookPart = root.find(({ type }) => type === 'officeDocument')?.part;
  if (workbookPart === undefined || zip.size(workbookPart) === undefined) {
    throw new InvalidInputError(`'${zip.name}' is no XLSX workbook: it is a ZIP archive without one inside.`);
  }
  const relations = await readRelations(zip, workbookPart);
  const byId = new Map(relations.map((relation) => [relation.id, relation]));
  const partOf = (kind: string) => relations.find(({ type, part }) => type === kind && zip.size(part) !== undefined)?.part;
  const workbook: Workbook = {
    worksheets: [],
    is1904: false,
    isOurs: (await readApplication(zip, root)) === APPLICATION,
    sharedStringsPart: partOf('sharedStrings'),
    stylesPart: partOf('styles'),
  };
  let listed = 0;
  const open = (element: string, attributes: Readonly<Record<string, string>>) => {
    if (element === 'workbookPr') {
      workbook.is1904 = ['1', 'true'].includes(attributes.date1904 ?? '');
    } else if (element === 'sheet') {
      const id = Object.entries(attributes).find(([key]) => key.endsWith(':id'))?.[1];
      const target = byId.get(id ?? '');
      listed += 1;
      if (listed > zip.limits.parts) {
        throw overLimit(zip.name, `it lists more worksheets than the limit of ${zip.limits.parts}`, 'parts');
      }
      if (target?.type === 'worksheet' && zip.size(target.part) !== undefined) {
        workbook.worksheets.push({ name: attributes.name ?? '', part: target.part });
      }
    }
  };
  await parseWholePart(zip, workbookPart, { open });
  if (workbook.worksheets.length === 0) {
    throw new InvalidInputError(`'${zip.name}' is a workbook without a worksheet.`);
  }
  return workbook;
}

async function readApplication(zip: WorkbookPackage, root: readonly Relation[]): Promise<string> {
  const part = root.find(({ type }) => type === 'extended-properties')?.part;
  let name = '';
  let isName = false;
  if (part !== undefined && zip.size(part) !== undefined) {
    await parseWholePart(zip, part, {
      open(element) {
        isName = element === 'Application';
      },
      text(piece) {
        if (isName) name += piece;
      },
      close() {
        isName = false;
      },
    });
  }
  return name;
}

interface Relation {
  id: string;
  /** The last word of its URL: the rest differs between editions of the standard. */
  type: string;
  part: string;
}

async function readRelations(zip: WorkbookPackage, part: string): Promise<Relation[]> {
  const folder = part.slice(0, part.lastIndexOf('/') + 1);
  const listPart = `${folder}_rels/${part.slice(folder.length)}.rels`;
  const relations: Relation[] = [];
  if (zip.size(listPart) === undefined) {
    return relations;
  }
  const open = (element: string, { Id, Type = '', Target = '' }: Readonly<Record<string, string>>) => {
    if (element === 'Relationship') {
      if (relations.length === zip.limits.parts) {
        throw overLimit(zip.name, `${listPart} lists more relations than the limit of ${zip.limits.parts}`, 'parts');
      }
      relations.push({ id: Id ?? '', type: Type.slice(Type.lastIndexOf('/') + 1), part: partName(Target, folder) });
    }
  };
  await parseWholePart(zip, listPart, { open });
  return relations;
}

/** Relative to the folder, or from the root; names in the archive are not encoded as URLs are. */
function partName(target: string, folder: string): string {
  try {
    return decodeURIComponent(new URL(target, `file:///${folder}`).pathname.slice(1));
  } catch {
    return target;
  }
}

/** By index. Runs of one text are put together; how it is read aloud is left out. */
export async function readSharedStrings(zip: WorkbookPackage, part: string): Promise<string[]> {
  const strings: string[] = [];
  let text = '';
  let isText = false;
  let phonetic = 0;
  await parseWholePart(zip, part, {
    open(element) {
      if (element === 'si') text = '';
      else if (element === 'rPh') phonetic += 1;
      else if (element === 't') isText = phonetic === 0;
    },
    text(piece) {
      if (isText) text += piece;
    },
    close(element) {
      if (element === 't') isText = false;
      else if (element === 'rPh') phonetic -= 1;
      else if (element === 'si') strings.push(decodeEscapes(text));
    },
  });
  return strings;
}

/** Format codes that every program knows by number; ECMA-376 part 1, 18.8.30. */
const BUILT_IN_FORMATS: Readonly<Record<number, string>> = {
  1: '0',
  2: '0.00',
  3: '#,##0',
  4: '#,##0.00',
  9: '0%',
  10: '0.00%',
  11: '0.00E+00',
  12: '# ?/?',
  13: '# ??/??',
  14: 'mm-dd-yy',
  15: 'd-mmm-yy',
  16: 'd-mmm',
  17: 'mmm-yy',
  18: 'h:mm AM/PM',
  19: 'h:mm:ss AM/PM',
  20: 'h:mm',
  21: 'h:mm:ss',
  22: 'm/d/yy h:mm',
  37: '#,##0 ;(#,##0)',
  38: '#,##0 ;[Red](#,##0)',
  39: '#,##0.00;(#,##0.00)',
  40: '#,##0.00;[Red](#,##0.00)',
  45: 'mm:ss',
  46: '[h]:mm:ss',
  47: 'mmss.0',
  48: '##0.0E+0',
  49: '@',
};

/** Number formats by the index that cells give; undefined: none. One that a sheet does not take is left out. */
export async function readFormats(zip: WorkbookPackage, part: string): Promise<(string | undefined)[]> {
  const codes = new Map(Object.entries(BUILT_IN_FORMATS).map(([id, code]) => [Number(id), code]));
  const formats: (string | undefined)[] = [];
  let isCellFormats = false;
  await parseWholePart(zip, part, {
    open(element, { numFmtId, formatCode = '' }) {
      if (element === 'cellXfs') isCellFormats = true;
      else if (element === 'numFmt') codes.set(Number(numFmtId), decodeEscapes(formatCode));
      else if (element === 'xf' && isCellFormats) formats.push(codes.get(Number(numFmtId ?? 0)));
    },
    close(element) {
      if (element === 'cellXfs') isCellFormats = false;
    },
  });
  return formats.map((code) =>
    code === undefined || code === '' || code === 'General' || textProblem(code, MAX_FORMAT_LENGTH) !== undefined ? undefined : code,
  );
}
