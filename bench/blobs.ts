/**
 * The blob store in Postgres against the one in a directory: new blobs written and read by eight at a time, small ones and large ones.
 * The directory is on the disk that Postgres has its data on, and both have each blob on it before a write is done.
 */
import { randomBytes } from 'node:crypto';
import type { BlobDir } from '../src/blob-store/blob-store.ts';
import { createDirectoryBlobStore } from '../src/blob-store/directory-blob-store.ts';
import { createPostgresBlobStore } from '../src/blob-store/postgres-blob-store.ts';
import type { Environment } from './support/environment.ts';
import { alternate, type Figure, reportedFigure, timed } from './support/figure.ts';
import { inLanes } from './support/lanes.ts';

const LANES = 8;
const ROUNDS = 7;
const SIZES = [
  { size: '4k', bytes: 4_096, blobs: 800 },
  { size: '1m', bytes: 1_048_576, blobs: 40 },
];

export default async function measureBlobs(environment: Environment): Promise<Figure[]> {
  const { pool } = await environment.database({ connections: LANES });
  const inPostgres = await createPostgresBlobStore({ pool }).getRootDir();
  const inDirectory = await createDirectoryBlobStore({ path: await environment.folder() }).getRootDir();
  const figures: Figure[] = [];
  for (const { size, bytes, blobs } of SIZES) {
    // As compressed as a snapshot is.
    const content = randomBytes(bytes);
    const names = Array.from({ length: blobs }, (_, index) => `b${index}`);
    const rate = async (root: BlobDir, round: number, task: (dir: BlobDir, name: string) => Promise<unknown>) => {
      const dir = await root.getDir(`${size}-${round}`);
      const milliseconds = await timed(() =>
        inLanes(names, LANES, async (name) => {
          await task(dir, name);
        }),
      );
      return blobs / (milliseconds / 1_000);
    };
    for (const [verb, task] of [
      ['write', (dir: BlobDir, name: string) => dir.writeBlob(name, content)],
      ['read', (dir: BlobDir, name: string) => dir.readBlob(name)],
    ] as const) {
      const measured = await alternate({
        rounds: ROUNDS,
        value: (round) => rate(inPostgres, round, task),
        baseline: (round) => rate(inDirectory, round, task),
      });
      const note = `${bytes.toLocaleString('en-US')} bytes each, ${LANES} at a time; baseline: the store in a directory`;
      figures.push(reportedFigure({ name: `blobs-${verb}-${size}`, unit: 'blobs/s', note }, measured));
    }
  }
  return figures;
}
