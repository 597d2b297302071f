/** What the documents say about files, settings and commands is so. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { settingsTable } from '../../src/settings/settings-table.ts';
import { runCliHere } from '../support/cli.ts';

const repository = fileURLToPath(new URL('../../', import.meta.url));
const documents = [
  ...['README.md', 'CHANGELOG.md'],
  ...readdirSync(join(repository, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const text = (path: string): string => readFileSync(join(repository, path), 'utf8');
const withoutCode = (markdown: string): string => markdown.replaceAll(/^```.*?^```/gms, '');

/** As GitHub makes them of headings. */
const anchorsOf = (path: string): string[] =>
  [...withoutCode(text(path)).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test.each(documents)('every link of %s leads somewhere', (path) => {
  for (const [, target = ''] of withoutCode(text(path)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? path : resolve('/', dirname(path), file).slice(1);
    expect(existsSync(join(repository, found)), target).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(found), target).toContain(anchor);
  }
});

test('the tests and sources that the documents name are there', () => {
  for (const path of documents) {
    for (const [, file = ''] of text(path).matchAll(/`((?:src|test|scripts|migrations|docs)\/[\w./-]+\.(?:ts|mjs|sql|md))`/g)) {
      expect(existsSync(join(repository, file)), `${path}: ${file}`).toBe(true);
    }
  }
});

test('each test that the architecture names for an interleaving is in the file it names', () => {
  const named = [...text('docs/architecture.md').matchAll(/\]\(\.\.\/(test\/[^)]+)\): ((?:“[^”]+”(?:, )?)+)/g)];
  expect(named.length).toBeGreaterThan(20);
  for (const [, file = '', titles = ''] of named) {
    for (const [, title = ''] of titles.matchAll(/“([^”]+)”/g)) expect(text(file), `${file}: ${title}`).toContain(title);
  }
});

test('the table of variables in operations.md is what the variables themselves say', () => {
  const [, table = ''] = /\n## Environment variables\n[^|]*((?:\|.*\n)+)/.exec(text('docs/operations.md')) ?? [];
  expect(table.trimEnd(), 'npm run settings writes it').toBe(settingsTable());
});

test('every decision is in the list of decisions', () => {
  const decisions = readdirSync(join(repository, 'docs/decisions')).filter((name) => /^\d{4}-/.test(name));
  for (const name of decisions) expect(text('docs/decisions/README.md')).toContain(`](${name})`);
});

test('every command that the documents show is one, with the options it has', async () => {
  const shown = documents.flatMap((path) =>
    [...text(path).matchAll(/(?:npx tidemark|^\s*tidemark|`tidemark|--rm (?:--no-TTY )?cli) ([a-z][^\n`#|<>→]*)/gm)].map(([, line = '']) =>
      line.trim(),
    ),
  );
  expect(shown.length).toBeGreaterThan(20);
  for (const line of new Set(shown)) {
    const words = line.split(/\s+/);
    const name = /^(work (redrive|discard)|(tokens|dlq|subscriptions|schedules|jobs|cdc) [a-z]+)$/.test(words.slice(0, 2).join(' '))
      ? words.slice(0, 2)
      : words[0] === 'demo'
        ? ['demo', 'kill']
        : words.slice(0, 1);
    const help = await helpOf(name);
    for (const option of words.filter((word) => /^--[a-z]/.test(word))) {
      expect(help, `tidemark ${line}`).toContain(option.replace(/[.,;:]$/, ''));
    }
  }
});

const helps = new Map<string, string>();
async function helpOf(name: string[]): Promise<string> {
  const key = name.join(' ');
  const known = helps.get(key);
  if (known !== undefined) return known;
  const { code, stdout, stderr } = await runCliHere([...name, '--help']);
  expect(code, `tidemark ${key} --help: ${stderr}`).toBe(0);
  helps.set(key, stdout);
  return stdout;
}
