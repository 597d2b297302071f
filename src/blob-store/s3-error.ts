/**
 * What an error of the SDK means for us. Nothing of the server's own words goes into a message, because some servers repeat keys
 * and signatures there: its code, the status and the id of the request say enough.
 *
 * - No answer, throttling, 5xx, missing or expired credentials (which come back by themselves on most machines): UnavailableError.
 * - Access denied, no such bucket, another region, keys that are not known: SetupError.
 */
import { SetupError, UnavailableError } from '../errors.ts';

/** What the SDK's errors and Node's have in common. */
interface S3Failure {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; requestId?: string };
  $response?: { statusCode?: number };
}

const PASSING = new Set([
  'AbortError',
  'ConditionalRequestConflict',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
]);
/** They pass too, but not within seconds. */
const CREDENTIALS_GONE = new Set(['CredentialsProviderError', 'TokenProviderError', 'ExpiredToken', 'ExpiredTokenException']);
const WRONG_KEYS = new Set(['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'AuthFailure']);
const WRONG_REGION = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
  'TemporaryRedirect',
]);
const RIGHTS = 's3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on its objects';

/** @returns an error of ours; `error` itself where it is none of S3's or the network's */
export function explainS3Error(error: unknown, { operation, place }: { operation: string; place: string }): unknown {
  const failure = (error ?? {}) as S3Failure;
  const status = statusOf(failure);
  const name = nameOf(failure);
  const cause = { cause: withoutSecrets(failure) };
  if (CREDENTIALS_GONE.has(name)) {
    return new UnavailableError(
      `There are no valid credentials for ${place} (${name}): set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role.`,
      cause,
    );
  }
  if (isPassing(failure)) {
    return new UnavailableError(
      `${operation} in ${place} did not succeed (${name}${status ? `, status ${status}` : ''}). It can later.`,
      cause,
    );
  }
  if (name === 'NoSuchUpload') {
    return new UnavailableError(`An upload to ${place} is gone before its end (${name}). Write the blob again.`, cause);
  }
  if (name === 'NoSuchBucket') {
    return new SetupError(`There is no ${place}: create it, or correct its name in TIDEMARK_BLOBS or createS3BlobStore.`, cause);
  }
  if (WRONG_REGION.has(name) || status === 301) {
    return new SetupError(`The ${place} is in another region (${name}): set AWS_REGION, or the region given to createS3BlobStore.`, cause);
  }
  if (failure.message === 'Region is missing') {
    return new SetupError(`No region is set for ${place}: set AWS_REGION (for a server that has none: us-east-1).`, cause);
  }
  if (WRONG_KEYS.has(name)) {
    return new SetupError(`The credentials for ${place} are not accepted (${name}): correct the access key and its secret.`, cause);
  }
  if (status === 403) {
    return new SetupError(`${operation} is not allowed in ${place} (${name}): grant ${RIGHTS}.`, cause);
  }
  return status === undefined && !isTls(failure)
    ? error
    : new SetupError(
        `${operation} was refused by ${place} (${name}${status ? `, status ${status}` : ''}): see the blobs section of the manual.`,
        cause,
      );
}

export function isWorthAnotherTry(error: unknown): boolean {
  const failure = (error ?? {}) as S3Failure;
  return isPassing(failure) && !CREDENTIALS_GONE.has(nameOf(failure));
}

/** The object, or the upload, is not there. HEAD says so without a code. */
export function isMissing(error: unknown): boolean {
  return ['NoSuchKey', 'NotFound'].includes((error as S3Failure)?.name ?? '');
}

/** Somebody has written under this key before. */
export function isPresent(error: unknown): boolean {
  return (error as S3Failure)?.name === 'PreconditionFailed' || statusOf(error as S3Failure) === 412;
}

export function isNotImplemented(error: unknown): boolean {
  return (error as S3Failure)?.name === 'NotImplemented' || statusOf(error as S3Failure) === 501;
}

export function isRefusedContinuation(error: unknown): boolean {
  return ['InvalidArgument', 'InvalidContinuationToken'].includes((error as S3Failure)?.name ?? '');
}

function isPassing(failure: S3Failure): boolean {
  const status = statusOf(failure);
  if (PASSING.has(nameOf(failure))) {
    return true;
  }
  if (status !== undefined) {
    return status === 408 || status === 429 || (status >= 500 && status !== 501);
  }
  // Of a socket: ECONNREFUSED, EAI_AGAIN, …; of an answer that is cut off or no HTTP: ERR_STREAM_PREMATURE_CLOSE, HPE_…
  const { code = '' } = failure;
  return (/^E[A-Z0-9_]{2,}$/.test(code) && !code.startsWith('ERR_')) || code === 'ERR_STREAM_PREMATURE_CLOSE' || code.startsWith('HPE_');
}

function isTls({ code = '' }: S3Failure): boolean {
  return /CERT|TLS|SSL|SIGNATURE/.test(code);
}

function statusOf(failure: S3Failure | undefined): number | undefined {
  return failure?.$metadata?.httpStatusCode ?? failure?.$response?.statusCode;
}

/** Node's errors are called Error, and have a code. */
function nameOf({ name = 'Error', code }: S3Failure): string {
  return (name === 'Error' || name === 'AggregateError') && code ? code : name;
}

function withoutSecrets(failure: S3Failure): Error {
  const id = failure.$metadata?.requestId;
  return new Error(`${nameOf(failure)}${id ? `, request ${id}` : ''}`);
}
