import { createMemoryBlobStore } from '../../src/blob-store/memory-blob-store.ts';
import { blobStoreContract } from '../contract/blob-store.ts';

blobStoreContract('memory', (options) => createMemoryBlobStore(options));
