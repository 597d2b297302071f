/**
 * A real S3 server of a test's own: moto in server mode. It keeps its objects in memory and in a temporary folder, and ends with this
 * process, however that ends.
 */
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { spawnServer } from '../../src/embedded/child-server.ts';
import { connectOnce, findFreePort } from '../../src/embedded/ports.ts';
import { installPythonTool } from './python-tool.ts';
import { createTestDirectory } from './servers.ts';
import { until } from './until.ts';

export interface S3Server {
  readonly endpoint: string;
  readonly client: S3Client;
  stop(): Promise<void>;
}

export const REGION = 'us-east-1';
export const CREDENTIALS = { accessKeyId: 'AKIATIDEMARKTESTS', secretAccessKey: 'not-to-be-shown' };
/** Made at the start. */
export const BUCKET = 'tidemark-tests';

export async function startS3Server(): Promise<S3Server> {
  const python = await installPythonTool({
    name: 'moto',
    usedFor: 'The tests of blobs in S3 run against moto, a real server',
    python: '3.10',
  });
  const directory = await createTestDirectory();
  const port = await findFreePort();
  const server = await spawnServer({
    command: python,
    args: ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    logFile: join(directory.path, 'moto.log'),
    stopSignal: 'SIGTERM',
    cwd: directory.path,
    env: { PATH: process.env.PATH ?? '', HOME: directory.path, TMPDIR: directory.path, PYTHONUNBUFFERED: '1' },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const client = new S3Client({ endpoint, region: REGION, forcePathStyle: true, credentials: CREDENTIALS });
  const stop = async () => {
    client.destroy();
    await server.stop(5_000);
    await directory.remove();
  };
  try {
    await until(
      'moto answers',
      async () => {
        if (server.ended() !== undefined) throw new Error(`moto ended (${server.ended()}): ${server.lastLines(5).join(' ')}`);
        return await connectOnce(port).then(
          () => true,
          () => false,
        );
      },
      60_000,
    );
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } catch (error) {
    await stop();
    throw error;
  }
  return { endpoint, client, stop };
}
