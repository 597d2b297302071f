/**
 * A change as its message keeps it: JSON that a person can read, with what JSON cannot say beside it. `types` names the columns that are revived when they are
 * delivered, `unchanged` those that an update has left alone.
 */
import { InvalidInputError } from '../errors.ts';
import type { MessageType } from '../messages/topic.ts';
import { type ChangedRow, type ChangeMessage, type ChangeOp, Unchanged } from './change-message.ts';

/** How the text of a column becomes its value. */
export type RevivedType = 'time' | 'bytes' | 'float';

export interface StoredChange {
  op: ChangeOp;
  key: ChangedRow;
  before: ChangedRow | null;
  after: ChangedRow | null;
  unchanged?: readonly string[];
  types?: Readonly<Record<string, RevivedType>>;
  source: { schema: string; table: string; lsn: string; txId: number | null; ts: string };
}

export const changeMessageType: MessageType<ChangeMessage> = {
  encoding: 'json',
  encode: (change) => JSON.stringify(storeChange(change)),
  decode: readStoredChange,
};

/** Of a change that somebody made by hand: a test, or a message that is published again. */
function storeChange({ op, key, before, after, source }: ChangeMessage): StoredChange {
  const types: Record<string, RevivedType> = {};
  const unchanged: string[] = [];
  const plain = (row: ChangedRow | null): ChangedRow | null => {
    const copy: ChangedRow | null = row && {};
    for (const [name, value] of Object.entries(row ?? {})) {
      if (value === Unchanged) unchanged.push(name);
      else if (copy) copy[name] = value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value;
      if (value instanceof Date) types[name] = 'time';
      if (value instanceof Uint8Array) types[name] = 'bytes';
    }
    return copy;
  };
  return {
    op,
    key: plain(key) ?? {},
    before: plain(before),
    after: plain(after),
    ...(unchanged.length > 0 ? { unchanged } : {}),
    ...(Object.keys(types).length > 0 ? { types } : {}),
    source: { ...source, ts: source.ts.toISOString() },
  };
}

/** @throws InvalidInputError where it is none */
function readStoredChange(stored: unknown): ChangeMessage {
  const { op, key, before, after, unchanged = [], types = {}, source } = (stored ?? {}) as StoredChange;
  if (!/^[cudrt]$/.test(op ?? '') || typeof source?.ts !== 'string') {
    throw new InvalidInputError('This is no row change: op is not one of c, u, d, r, t, or source.ts is missing.');
  }
  const revived = (row: ChangedRow | null): ChangedRow | null => {
    const copy = row && { ...row };
    for (const [name, type] of copy ? Object.entries(types) : []) {
      if (copy && name in copy) copy[name] = revive(copy[name], type);
    }
    return copy;
  };
  const now = revived(after);
  for (const name of now ? unchanged : []) {
    (now as ChangedRow)[name] = Unchanged;
  }
  return {
    op,
    key: revived(key) ?? {},
    before: revived(before),
    after: now,
    source: { ...source, ts: new Date(source.ts) },
  } as ChangeMessage;
}

/** What is no value of its type ('infinity') stays text. */
function revive(value: unknown, type: RevivedType): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => revive(item, type));
  }
  if (typeof value !== 'string') {
    return value;
  }
  switch (type) {
    case 'time': {
      const time = new Date(value);
      return Number.isNaN(time.getTime()) ? value : time;
    }
    case 'bytes':
      return new Uint8Array(Buffer.from(value.slice(2), 'hex'));
    case 'float':
      return Number(value);
  }
}
