/** The table of docs/operations.md: made of the variables themselves, with those that others read after them. */
import type { SettingText } from './setting.ts';
import { VARIABLES } from './variables.ts';

/** Read by the SDKs, the terminal, or our tests. */
const READ_BY_OTHERS: readonly (readonly [names: string, byDefault: string, text: string])[] = [
  [
    '`TEMPORAL_TLS`, `TEMPORAL_TLS_…`',
    '',
    'certificates: `CLIENT_CERT_PATH`, `CLIENT_KEY_PATH`, `SERVER_CA_CERT_PATH`, `SERVER_NAME`, as every Temporal client reads them',
  ],
  [
    '`AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, …',
    '',
    'for blobs in S3: as the AWS SDK reads them, roles of machines and containers included',
  ],
  ['`TEMPORAL_TEST_SERVER`', 'found or fetched', "path of `temporal-test-server`, for this project's own tests"],
  ['`NO_COLOR`', '', 'no colours'],
];

/** In Markdown, with its head and without a line break at its end. */
export function settingsTable(): string {
  const own = Object.entries(VARIABLES.shape).map(([name, schema]) => {
    const { text, byDefault = defaultOf(schema) } = schema.meta() as unknown as SettingText;
    return [`\`${name}\``, byDefault, text] as const;
  });
  return ['| variable | default | meaning |', '|---|---|---|', ...[...own, ...READ_BY_OTHERS].map(row)].join('\n');
}

function row([names, byDefault, text]: readonly [string, string, string]): string {
  return `| ${names} |${byDefault === '' ? '' : ` ${byDefault}`} | ${text} |`;
}

/** What its schema makes of a variable that is not set. */
function defaultOf(schema: { safeParse(value: unknown): { data?: unknown } }): string {
  const { data } = schema.safeParse(undefined);
  return typeof data === 'string' && data !== '' ? `\`${data}\`` : typeof data === 'number' ? String(data) : '';
}
