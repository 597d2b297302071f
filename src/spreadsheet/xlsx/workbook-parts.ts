/** The parts of a workbook of one worksheet, but for its rows. */
import { encodeXml } from './escapes.ts';

const HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n';
const MAIN = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
const RELATIONS = 'http://schemas.openxmlformats.org/package/2006/relationships';
const DOCUMENT = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
const TYPE = 'application/vnd.openxmlformats-officedocument.spreadsheetml';

/** Of what was written here every number is taken as it is. */
export const APPLICATION = 'Tidemark';
export const WORKSHEET_PART = 'xl/worksheets/sheet1.xml';
export const STYLES_PART = 'xl/styles.xml';
export const WORKSHEET_START = `${HEAD}<worksheet xmlns="${MAIN}"><sheetData>`;
export const WORKSHEET_END = '</sheetData></worksheet>';

/** By their names, in the order in which they stand in the archive. */
export function fixedParts(worksheet: string): [string, string][] {
  const override = (part: string, kind: string) => `<Override PartName="/${part}" ContentType="${TYPE}.${kind}+xml"/>`;
  const relation = (id: number, kind: string, target: string) =>
    `<Relationship Id="rId${id}" Type="${DOCUMENT}/${kind}" Target="${target}"/>`;
  return [
    [
      '[Content_Types].xml',
      `${HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>${override('xl/workbook.xml', 'sheet.main')}${override(WORKSHEET_PART, 'worksheet')}${override(STYLES_PART, 'styles')}<Override PartName="/docProps/app.xml" ContentType="application/vnd.openxmlformats-officedocument.extended-properties+xml"/></Types>`,
    ],
    [
      '_rels/.rels',
      `${HEAD}<Relationships xmlns="${RELATIONS}">${relation(1, 'officeDocument', 'xl/workbook.xml')}${relation(2, 'extended-properties', 'docProps/app.xml')}</Relationships>`,
    ],
    [
      'docProps/app.xml',
      `${HEAD}<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"><Application>${APPLICATION}</Application></Properties>`,
    ],
    [
      'xl/workbook.xml',
      `${HEAD}<workbook xmlns="${MAIN}" xmlns:r="${DOCUMENT}"><sheets><sheet name="${encodeAttribute(worksheet)}" sheetId="1" r:id="rId1"/></sheets></workbook>`,
    ],
    [
      'xl/_rels/workbook.xml.rels',
      `${HEAD}<Relationships xmlns="${RELATIONS}">${relation(1, 'worksheet', 'worksheets/sheet1.xml')}${relation(2, 'styles', 'styles.xml')}</Relationships>`,
    ],
  ];
}

/** Number formats alone; cells give the index of theirs, from 1 on, and 0 is none. */
export function stylesPart(codes: Iterable<string>): string {
  const formats = [...codes];
  const firstId = 164;
  const numberFormats = formats.map((code, index) => `<numFmt numFmtId="${firstId + index}" formatCode="${encodeAttribute(code)}"/>`);
  const cellFormats = formats.map(
    (_, index) => `<xf numFmtId="${firstId + index}" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>`,
  );
  const plain = 'numFmtId="0" fontId="0" fillId="0" borderId="0"';
  return [
    `${HEAD}<styleSheet xmlns="${MAIN}">`,
    formats.length === 0 ? '' : `<numFmts count="${formats.length}">${numberFormats.join('')}</numFmts>`,
    '<fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>',
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>',
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>',
    `<cellStyleXfs count="1"><xf ${plain}/></cellStyleXfs>`,
    `<cellXfs count="${formats.length + 1}"><xf ${plain} xfId="0"/>${cellFormats.join('')}</cellXfs>`,
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
  ].join('');
}

function encodeAttribute(text: string): string {
  return encodeXml(text)
    .replaceAll('"', '&quot;')
    .replaceAll(/[\t\n\r]/g, (space) => `&#${space.charCodeAt(0)};`);
}
