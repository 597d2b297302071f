import { type Connection, isGrpcServiceError } from '@temporalio/client';
import { UnavailableError } from '../errors.ts';
import { connectClient, type TemporalOptions } from './connection.ts';

const NOT_FOUND = 5;

/** Whether Temporal answers and has the namespace, which some servers make only after they have begun to answer. @throws UnavailableError */
export async function probeTemporal(temporal: TemporalOptions): Promise<void> {
  const client = await connectClient(temporal);
  try {
    await client.connection.withDeadline(Date.now() + 5_000, () =>
      client.workflowService.describeNamespace({ namespace: temporal.namespace }),
    );
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) {
      throw new UnavailableError(
        `Temporal at ${temporal.address} has no namespace '${temporal.namespace}'. Create it (temporal operator namespace create), or set TEMPORAL_NAMESPACE.`,
      );
    }
    // Whoever may not describe a namespace may still work in it.
  } finally {
    await (client.connection as Connection).close();
  }
}
