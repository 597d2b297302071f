/**
 * An image is uploaded, and gets a thumbnail, in the blob store.
 *
 * A blob's name is the hash of its content. So a second attempt, and one that overlaps with the first, writes the same bytes under the same name: to write it
 * again changes nothing, and which of them ends does not matter. The row that names the thumbnail commits with the end of the delivery.
 */
import { createHash } from 'node:crypto';
import { type BlobDir, type BlobStore, defineWorker, NonRetryableError, type Tidemark } from 'tidemark';
import { ImageError, shrinkPng } from './shrink-png.ts';
import { topics } from './topics.ts';

const THUMBNAIL_SIZE = 128;

const imagesOf = async (blobs: BlobStore): Promise<BlobDir> => (await blobs.getRootDir()).getDir('images');

/** The blob first: a row never names one that is not there. What is left of an upload that failed in between is the same bytes at the next try. */
export async function upload(tidemark: Tidemark<typeof topics>, blobs: BlobStore, imageId: string, png: Uint8Array): Promise<void> {
  const original = await writeByContent(await imagesOf(blobs), 'original', png);
  await tidemark.transaction(async ({ tx, publish }) => {
    await tx.query('insert into image (id, original) values ($1, $2)', [imageId, original]);
    await publish('image-uploaded', { imageId, original });
  });
}

export function thumbnails(blobs: BlobStore) {
  return defineWorker(topics, {
    topic: 'image-uploaded',
    subscription: 'thumbnails',
    // Each of them keeps a processor busy, and holds an image in memory.
    maxMessages: 4,
    ackDeadlineMs: 60_000,
    handler: async ({ data: { imageId, original } }, { db, heartbeat }) => {
      const images = await imagesOf(blobs);
      const png = await images.readBlob(original);
      const { width, height, content } = shrinkOrGiveUp(png);
      await heartbeat();
      const thumbnail = await writeByContent(images, 'thumbnail', content);
      await db.query('update image set thumbnail = $2, width = $3, height = $4 where id = $1', [imageId, thumbnail, width, height]);
    },
  });
}

/** What is no image now will be none at the next attempt. */
function shrinkOrGiveUp(png: Uint8Array): ReturnType<typeof shrinkPng> {
  try {
    return shrinkPng(png, THUMBNAIL_SIZE);
  } catch (error) {
    throw error instanceof ImageError ? new NonRetryableError(error.message) : error;
  }
}

/** @returns its name */
async function writeByContent(directory: BlobDir, kind: string, content: Uint8Array): Promise<string> {
  const name = `${kind}-${createHash('sha256').update(content).digest('hex')}.png`;
  await directory.writeBlob(name, content);
  return name;
}
