/** One message for each recipient: its delivery is the unit that is retried, limited, and dead where it cannot be done. */
import { defineTopics } from 'tidemark';
import { z } from 'zod';

const id = z.string().regex(/^\d+$/);

export const topics = defineTopics({ 'newsletter-due': z.object({ issueId: id, subscriberId: id }) });
