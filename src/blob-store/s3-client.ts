/** The client of an S3 blob store: one of the caller's own, or one made from an endpoint, a region and what the SDK finds by itself. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { InvalidInputError } from '../errors.ts';
import { checkPrefix, type S3Bucket } from './s3-bucket.ts';
import { createS3Call } from './s3-call.ts';

export interface S3BucketOptions {
  bucket: string;
  /** Of every key, such as `app/blobs`. Default: none; the bucket is then for this store alone. */
  prefix?: string;
  /** A client of your own, instead of the four options below. It may have tries of its own within each of ours. */
  client?: S3Client;
  /** Of a server that is not Amazon's, such as `http://minio:9000`. Default: what the SDK finds (AWS_ENDPOINT_URL, profile). */
  endpoint?: string;
  /** Default: what the SDK finds (AWS_REGION, profile). */
  region?: string;
  /** Default: the SDK's own chain: environment, profile, web identity, the role of the container or machine. */
  credentials?: NonNullable<S3ClientConfig['credentials']>;
  /** `http://host/bucket/key` instead of `http://bucket.host/key`. Default: where an endpoint is given. */
  forcePathStyle?: boolean;
  /** Of each call to S3, all its tries included; above 16 MiB of each part. Default 30 seconds; raise it for slow lines. */
  deadlineMs?: number;
}

const CONNECT_MS = 3_000;

/** @throws InvalidInputError */
export function openS3Bucket({ bucket, prefix = '', client, deadlineMs = 30_000, ...own }: S3BucketOptions): S3Bucket {
  if (typeof bucket !== 'string' || bucket === '') {
    throw new InvalidInputError('An S3 blob store needs the name of a bucket.');
  }
  if (!Number.isSafeInteger(deadlineMs) || deadlineMs < 1) {
    throw new InvalidInputError(`Deadline ${deadlineMs} cannot be used: give a whole number of milliseconds from 1.`);
  }
  if (client !== undefined && Object.values(own).some((value) => value !== undefined)) {
    throw new InvalidInputError('Give createS3BlobStore either a client, or an endpoint, region, credentials and path style.');
  }
  const origin = own.endpoint === undefined ? undefined : checkEndpoint(own.endpoint);
  return {
    client: client ?? createClient(own, deadlineMs),
    name: bucket,
    prefix: checkPrefix(prefix),
    call: createS3Call({ place: `bucket '${bucket}'${origin === undefined ? '' : ` at ${origin}`}`, deadlineMs }),
  };
}

type ClientOptions = Pick<S3BucketOptions, 'endpoint' | 'region' | 'credentials' | 'forcePathStyle'>;

function createClient(
  { endpoint, region, credentials, forcePathStyle = endpoint !== undefined }: ClientOptions,
  deadlineMs: number,
): S3Client {
  return new S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle,
    // s3-call.ts tries again, with a deadline over all tries.
    maxAttempts: 1,
    // The signature covers the content already, and not every server knows the newer checksums.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: Math.min(CONNECT_MS, deadlineMs),
      // Half of it: a server that has gone silent leaves time for another try.
      requestTimeout: Math.ceil(deadlineMs / 2),
      throwOnRequestTimeout: true,
    },
  });
}

/** @returns what may be shown of it */
function checkEndpoint(endpoint: string): string {
  let url: URL | undefined;
  try {
    url = new URL(endpoint);
  } catch {}
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new InvalidInputError(
      'The S3 endpoint cannot be used: give an address such as https://s3.example.com, without user or password.',
    );
  }
  return url.origin;
}
