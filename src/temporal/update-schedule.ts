/**
 * Changes a schedule in Temporal and leaves its pause as it is, also where somebody pauses or resumes it in the same moment, in Temporal's own page for
 * example: the change carries the token of what was read, and is made again where the server had something newer.
 *
 * The SDK sends no token. A server that does not take a change because of its token may say so, or answer as if it had.
 */
import { type Client, ScheduleClient, type ScheduleDescription } from '@temporalio/client';
import { UnavailableError } from '../errors.ts';
import { canonicalJson, describedParts } from './schedule-differences.ts';
import { actionOf, type scheduleSettings } from './schedule-settings.ts';

const ATTEMPTS = 3;
const FAILED_PRECONDITION = 9;

/**
 * @param found as it is
 * @param settings what it is to be; `mayBeSo`: it may be that already, and is written again
 * @returns as it is then. @throws UnavailableError where others keep changing it
 */
export async function updateSchedule(
  client: Client,
  found: ScheduleDescription,
  { settings, mayBeSo }: { settings: ReturnType<typeof scheduleSettings>; mayBeSo: boolean },
): Promise<ScheduleDescription> {
  const { scheduleId } = found;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    await updateOnce(client, scheduleId, settings);
    const updated = await client.schedule.getHandle(scheduleId).describe();
    if (mayBeSo || contentOf(updated) !== contentOf(found)) return updated;
  }
  throw new UnavailableError(`Somebody else keeps changing ${scheduleId} in Temporal. Try again.`);
}

const contentOf = (found: ScheduleDescription) => canonicalJson({ ...describedParts(found), action: actionOf(found) });

async function updateOnce(client: Client, scheduleId: string, settings: ReturnType<typeof scheduleSettings>): Promise<void> {
  const { connection, options } = client;
  const { workflowService } = connection;
  let conflictToken: Uint8Array | null | undefined;
  const service = Object.create(workflowService, {
    updateSchedule: { value: (request: object) => workflowService.updateSchedule({ ...request, conflictToken: conflictToken ?? null }) },
  });
  const schedules = new ScheduleClient({
    connection: Object.create(connection, { workflowService: { value: service } }),
    namespace: options.namespace,
    identity: options.identity,
    dataConverter: options.loadedDataConverter,
  });
  try {
    await schedules.getHandle(scheduleId).update(({ raw, state: { paused, note } }) => {
      conflictToken = raw.conflictToken;
      return { ...settings, state: { paused, ...(note ? { note } : {}) } };
    });
  } catch (error) {
    // Changed since it was read: the next attempt reads again.
    if ((error as { cause?: { code?: number } }).cause?.code !== FAILED_PRECONDITION) throw error;
  }
}
