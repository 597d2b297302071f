import { createMemoryEventLog } from '../../src/event-log/memory-event-log.ts';
import { eventLogContract } from '../contract/event-log.ts';

eventLogContract('memory', async () => ({
  createLog: async (options) => createMemoryEventLog({ ...options, workflows: ['snapshot', 'compact'] }),
}));
