/**
 * Blobs in S3: an entry of its own, because it loads the AWS SDK, which is installed by those who use it (`npm install @aws-sdk/client-s3`).
 *
 *     import { createS3BlobStore } from 'tidemark/s3';
 *     createTidemark({ db, blobs: createS3BlobStore({ bucket: 'acme-blobs', prefix: 'tidemark' }) });
 */
export { createS3BlobStore, type S3BlobStoreOptions } from './blob-store/s3-blob-store.ts';
export type { S3BucketOptions } from './blob-store/s3-client.ts';
