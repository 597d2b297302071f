/** Workbooks as raw XML in a ZIP archive: what no program would write, too. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { ZipFile } from 'yazl';
import { type ImportXlsxOptions, importXlsx } from '../../src/spreadsheet/import-xlsx.ts';
import { cellsOf, collect, newSheet } from './file-fixtures.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidemark-files-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** @returns its path */
export function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

export async function zipOf(parts: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(parts)) zip.addBuffer(Buffer.from(content as string), name);
  zip.end();
  return collect(zip.outputStream as AsyncIterable<Uint8Array>);
}

const OFFICE = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';

export interface WorkbookText {
  /** Inside of <sheetData>, for the first worksheet. */
  rows?: string;
  /** After it. */
  after?: string;
  sharedStrings?: string;
  /** Of the cells' styles, by their index. */
  formats?: readonly string[];
  workbookPr?: string;
  /** Further ones, without cells. */
  worksheets?: readonly string[];
}

export function workbookParts({ rows = '', after = '', sharedStrings, formats = [], workbookPr = '', worksheets = [] }: WorkbookText) {
  const names = ['One', ...worksheets];
  const relation = (id: number | string, kind: string, target: string) =>
    `<Relationship Id="r${id}" Type="${OFFICE}/${kind}" Target="${target}"/>`;
  const parts: Record<string, string> = {
    '_rels/.rels': `<Relationships>${relation(1, 'officeDocument', '/xl/workbook.xml')}</Relationships>`,
    'xl/workbook.xml': `<x:workbook xmlns:x="main" xmlns:r="${OFFICE}">${workbookPr}<x:sheets>${names.map((name, index) => `<x:sheet name="${name}" sheetId="${index}" r:id="r${index}"/>`).join('')}</x:sheets></x:workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships>${names.map((_, index) => relation(index, 'worksheet', `worksheets/sheet${index}.xml`)).join('')}${relation('s', 'sharedStrings', 'sharedStrings.xml')}${relation('f', 'styles', 'styles.xml')}</Relationships>`,
    'xl/styles.xml': `<styleSheet><numFmts>${formats.map((code, index) => `<numFmt numFmtId="${200 + index}" formatCode="${code}"/>`).join('')}</numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs><cellXfs>${formats.map((_, index) => `<xf numFmtId="${200 + index}"/>`).join('')}<xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`,
  };
  if (sharedStrings !== undefined) parts['xl/sharedStrings.xml'] = `<sst>${sharedStrings}</sst>`;
  names.forEach((_, index) => {
    parts[`xl/worksheets/sheet${index}.xml`] =
      `<?xml version="1.0"?>\n<worksheet><sheetData>${index === 0 ? rows : ''}</sheetData>${after}</worksheet>`;
  });
  return parts;
}

export const workbook = async (text: WorkbookText) => zipOf(workbookParts(text));

/** The sheet of a file, and what the import said. Read in this thread: the other one needs the compiled program. */
export async function importedXlsx(path: string, options: Partial<ImportXlsxOptions> = {}) {
  const into = await newSheet();
  const value = await importXlsx({ ...into, file: path, thread: false, ...options });
  return { into, value, cells: await cellsOf(into) };
}
