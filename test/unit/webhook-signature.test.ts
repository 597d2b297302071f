/** What signs webhooks: the vector is of the standard's own libraries. */
import { expect, test } from 'vitest';
import { webhookSecretProblem, webhookSignature } from '../../src/jobs/webhook-signature.ts';

test('a signature is the one that Standard Webhooks has', () => {
  const signed = webhookSignature('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', {
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    timestamp: 1_614_265_330,
    body: '{"test": 2432232314}',
  });
  expect(signed).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test.each([
  'whsec_**********',
  'whsec_hunter2hunter2',
  `whsec_${'A'.repeat(28)}`,
  `whsec_${Buffer.alloc(24, 1).toString('base64')}!`,
  `whsec_${Buffer.alloc(32, 255).toString('base64url')}`,
  'short',
  'sixteen characters, with spaces',
  'x'.repeat(201),
])('%s signs nothing: its key would be short, empty, or another one than it looks', (secret) => {
  const problem = webhookSecretProblem(secret);
  expect(problem).toBeTypeOf('string');
  expect(problem).not.toContain(secret);
});

test.each(['sixteen-letters!', `whsec_${Buffer.alloc(24, 1).toString('base64')}`, `whsec_${Buffer.alloc(64, 1).toString('base64')}`])(
  '%s signs',
  (secret) => {
    expect(webhookSecretProblem(secret)).toBeUndefined();
  },
);
