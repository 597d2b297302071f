import type { Command } from 'commander';
import { type ListedMessage, messageJson } from '../messages/list-messages.ts';
import { parseWhole } from './parse-option.ts';
import { formatBytes, formatDuration, formatJson, formatTable, print, visibleLine } from './print.ts';
import { withDatabase } from './with-database.ts';
import { formatUnit } from './work.ts';
import { addDecision, DEAD_LETTERS } from './work-redrive.ts';

const EXAMPLES = `
Examples:
  $ tidemark dlq list                                the newest dead letters
  $ tidemark dlq list --subscription mail --error 550
  $ tidemark dlq show delivery/mail/4711             its message, error and stack, and what was decided about it before
  $ tidemark dlq redrive --subscription mail         which would be delivered again (--yes: deliver them)
  $ tidemark dlq redrive --subscription mail --rate 10 --yes
  $ tidemark work --errors                           what gave up, by error, with a fingerprint for each

A dead letter is a delivery that gave up. It stays until it is redriven or discarded, and so does its message.`;

interface ListOptions {
  subscription?: string;
  fingerprint?: string;
  error?: string;
  age?: number;
  limit: number;
  after?: string;
  json?: boolean;
}

export function addDlq(program: Command): void {
  const dlq = program.command('dlq').description('look at dead letters; redrive or discard them').addHelpText('after', EXAMPLES);
  const list = dlq
    .command('list')
    .description('list dead letters, newest first')
    .option('--limit <count>', 'dead letters to show', parseWhole(1, 1_000), 50)
    .option('--after <next>', 'go on where an earlier page ended')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ tidemark dlq list --subscription mail --age 1h
  $ tidemark dlq list --json --limit 1000`,
    );
  DEAD_LETTERS.addOptions(list);
  list.action(runList);
  dlq
    .command('show')
    .description('show deliveries with their messages')
    .argument('<ids...>', 'such as delivery/mail/4711')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  $ tidemark dlq show delivery/mail/4711')
    .action(runShow);
  addDecision(dlq, 'redrive', DEAD_LETTERS);
  addDecision(dlq, 'discard', DEAD_LETTERS);
}

async function runList({ limit, after, json, ...options }: ListOptions): Promise<void> {
  const { listDeadLetters } = await import('../messages/dead-letters.ts');
  await withDatabase(async ({ db }) => {
    const page = await listDeadLetters(db, DEAD_LETTERS.selectionOf([], options), { limit, ...(after === undefined ? {} : { after }) });
    if (json) {
      print(formatJson({ ...page, deadLetters: page.deadLetters.map((letter) => ({ ...letter, ...withJson(letter.message) })) }));
      return;
    }
    if (page.deadLetters.length === 0) {
      print('No dead letters.');
      return;
    }
    const rows = page.deadLetters.map(({ id, group, attempt, finishedAt, createdAt, error, message }) => [
      id,
      group,
      attempt,
      formatDuration(Math.max(Date.now() - (finishedAt ?? createdAt).getTime(), 0)),
      `${error?.code}: ${error?.message}`.slice(0, 80),
      message === undefined ? 'gone' : payloadText(message).slice(0, 80),
    ]);
    print(formatTable(['dead letter', 'subscription', 'attempts', 'since', 'error', 'payload'], rows));
    if (page.next) print(`More: --after ${page.next}`);
  });
}

async function runShow(ids: string[], { json }: { json?: boolean }): Promise<void> {
  const { readDeadLetter } = await import('../messages/dead-letters.ts');
  await withDatabase(async ({ db, targets }) => {
    for (const id of ids) {
      const { message, decisions, ...unit } = await readDeadLetter(db, id);
      if (json) {
        print(formatJson({ ...unit, ...withJson(message), decisions }));
        continue;
      }
      print(formatUnit(unit, targets));
      if (unit.error?.stack) print(`  stack       ${unit.error.stack.replaceAll('\n', `\n${' '.repeat(14)}`)}`);
      print(message === undefined ? '  message     gone' : formatMessage(message));
      for (const { decision, decidedAt, code, actor, correlationId } of decisions) {
        const who = `${actor ? ` by ${visibleLine(actor)}` : ''}${correlationId ? ` (${visibleLine(correlationId)})` : ''}`;
        print(`  decided     ${decision} at ${decidedAt.toISOString()}${who}, dead of ${visibleLine(code)}`);
      }
    }
  });
}

function formatMessage(message: ListedMessage): string {
  const { messageId, topic, publishedAt, orderingKey, attributes, actor, correlationId, causationId } = message;
  const lines = [`  message     ${messageId} of topic ${topic}, published ${publishedAt.toISOString()}`];
  if (actor !== undefined) lines.push(`  published by ${visibleLine(actor)}`);
  if (orderingKey !== undefined) lines.push(`  key         ${visibleLine(orderingKey)}`);
  if (correlationId !== undefined) lines.push(`  correlation ${visibleLine(correlationId)}`);
  if (causationId !== undefined) lines.push(`  caused by   ${visibleLine(causationId)}`);
  if (Object.keys(attributes).length > 0) lines.push(`  attributes  ${formatJson(attributes)}`);
  lines.push(`  payload     ${payloadText(message)}`);
  return lines.join('\n');
}

function payloadText({ payload, bytes }: ListedMessage): string {
  if (payload === undefined) return formatBytes(bytes);
  return payload instanceof Uint8Array ? `base64 ${Buffer.from(payload).toString('base64')}` : formatJson(payload);
}

function withJson(message: ListedMessage | undefined): object {
  return message === undefined ? {} : { message: messageJson(message) };
}
