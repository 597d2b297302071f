/**
 * Connections to Temporal: one of the client library for processes that only start executions, a native one for workers, whose
 * client shares it so that executions can start eagerly in the same process.
 */
import { Client, Connection, type ConnectionOptions, isGrpcServiceError } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { errorMessage, UnavailableError } from '../errors.ts';

export interface TemporalOptions {
  /** host:port */
  address: string;
  namespace: string;
  apiKey?: string;
  tls?: ConnectionOptions['tls'];
}

export async function connectClient({ address, namespace, apiKey, tls }: TemporalOptions): Promise<Client> {
  const connection = await reach(address, () =>
    Connection.connect({ address, ...(apiKey ? { apiKey } : {}), ...(tls ? { tls } : {}), connectTimeout: '5 seconds' }),
  );
  return new Client({ connection, namespace });
}

export async function connectWorker({
  address,
  namespace,
  apiKey,
  tls,
}: TemporalOptions): Promise<{ connection: NativeConnection; client: Client }> {
  const connection = await reach(address, () =>
    NativeConnection.connect({ address, ...(apiKey ? { apiKey } : {}), ...(tls ? { tls } : {}) }),
  );
  return { connection, client: new Client({ connection, namespace }) };
}

async function reach<T>(address: string, connect: () => Promise<T>): Promise<T> {
  try {
    return await connect();
  } catch (error) {
    throw new UnavailableError(`Temporal does not answer at ${address} (${errorMessage(error)}). Is it running? Set TEMPORAL_ADDRESS.`, {
      cause: error,
    });
  }
}

/** UNIMPLEMENTED: the time-skipping test server lists none. PERMISSION_DENIED: managed namespaces. */
const CANNOT_TELL = new Set([12, 7]);

/** Which of Tidemark's search attributes the namespace lacks. A start that names a missing one would be refused. */
export async function missingSearchAttributes(client: Client): Promise<string[]> {
  const wanted = ['LogId', 'Kind'];
  try {
    const { customAttributes } = await client.connection.withDeadline(Date.now() + 5_000, () =>
      (client.connection as Connection).operatorService.listSearchAttributes({ namespace: client.options.namespace }),
    );
    return wanted.filter((name) => !(name in customAttributes));
  } catch (error) {
    if (isGrpcServiceError(error) && CANNOT_TELL.has(error.code)) {
      return wanted;
    }
    throw error;
  }
}
