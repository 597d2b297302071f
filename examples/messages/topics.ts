/** What the application publishes. A payload that is not of its topic fails the transaction that publishes it, and says where it is wrong. */
import { defineTopics } from 'tidemark';
import { z } from 'zod';

export const topics = defineTopics({
  'user-registered': z.object({ userId: z.string(), email: z.email(), name: z.string() }),
  'order-shipped': z.object({ orderId: z.string(), url: z.url({ protocol: /^https?$/ }) }),
  'image-uploaded': z.object({ imageId: z.string(), original: z.string() }),
});
