/** What a terminal gets to see of values that anybody may have written. */
import { afterEach, expect, test, vi } from 'vitest';
import { formatJson, formatTable, print } from '../../src/cli/print.ts';

const TITLE = '\u001b]0;owned\u0007';
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const OBEYED = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

afterEach(() => vi.restoreAllMocks());

test('a table shows control characters as escapes, those that end lines too, and its columns stay as wide as what is shown', () => {
  const table = formatTable(
    ['cell', 'next'],
    [
      [`a${TITLE}b\nc\td`, 'x'],
      ['\u009b31m\u007f', 'y'],
    ],
  );
  const first = 'a\\u001b]0;owned\\u0007b\\nc\\td';
  expect(table.split('\n')).toEqual([
    `${'cell'.padEnd(first.length)}  next`,
    `${first}  x`,
    `${'\\u009b31m\\u007f'.padEnd(first.length)}  y`,
  ]);
});

test('what is printed holds no control characters but tabs and ends of lines', () => {
  const written: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  print(`error  ${TITLE}\r\n  two\u0085 lines, Zürich 東京 🙂`);
  expect(written).toEqual(['error  \\u001b]0;owned\\u0007\\u000d\n  two\\u0085 lines, Zürich 東京 🙂\n']);
});

test('JSON escapes them all, and says the same', () => {
  const value = { text: `${TITLE}\u007f\u009b\u0000\n\t`, key: 1n };
  const text = formatJson(value);
  expect(text).not.toMatch(OBEYED);
  expect(text).not.toContain('\n');
  expect(JSON.parse(text)).toEqual({ ...value, key: '1' });
});
