import { expect } from 'vitest';
import { createMemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { withHistory } from '../../src/history/with-history.ts';
import { eventLogContract, type TestEntry } from '../contract/event-log.ts';

eventLogContract('memory', async () => ({
  createLog: async (options) => createMemoryEventLog({ ...options, workflows: ['snapshot', 'compact', 'mail'] }),
}));

eventLogContract('memory, read with a history that it does not have', async () => ({
  createLog: async (options) => {
    const log = createMemoryEventLog<TestEntry>({ ...options, workflows: ['snapshot', 'compact', 'mail'] });
    // Names that the suite sets as history are of no blob.
    const unarchived = { ...log, lastHistory: async () => undefined };
    return { ...withHistory({ log: unarchived, blobs: async () => expect.fail('nothing was archived') }), lastHistory: log.lastHistory };
  },
}));
