/** Makes a PNG small: each pixel of the result is the mean of those it stands for. */
import { convertIndexedToRgb, type DecodedPng, decode, encode, hasPngSignature } from 'fast-png';

/** The image is the fault: another attempt would fail too. */
export class ImageError extends Error {}

export interface SmallImage {
  width: number;
  height: number;
  /** A PNG. */
  content: Uint8Array;
}

const MAX_PIXELS = 40_000_000;

/** @param size of the longer side, at most; a smaller image keeps its own. @throws ImageError */
export function shrinkPng(png: Uint8Array, size: number): SmallImage {
  const pixels = readPixels(png);
  const scale = Math.min(1, size / Math.max(pixels.width, pixels.height));
  const width = Math.max(1, Math.round(pixels.width * scale));
  const height = Math.max(1, Math.round(pixels.height * scale));
  const data = new Uint8Array(width * height * 4);
  for (let row = 0; row < height; row += 1) {
    const [top, bottom] = partOf(row, height, pixels.height);
    for (let column = 0; column < width; column += 1) {
      const [left, right] = partOf(column, width, pixels.width);
      data.set(meanOf(pixels, top, bottom, left, right), (row * width + column) * 4);
    }
  }
  return { width, height, content: encode({ width, height, data, channels: 4, depth: 8 }) };
}

interface Pixels {
  width: number;
  height: number;
  channels: number;
  data: ArrayLike<number>;
  /** The largest value of a channel. */
  most: number;
}

function readPixels(png: Uint8Array): Pixels {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (png.length < 24 || !hasPngSignature(png)) throw new ImageError('This is no PNG.');
  // Before anything is unpacked: a small file may hold a large image.
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  if (width * height > MAX_PIXELS) throw new ImageError(`The image has ${width} × ${height} pixels; the limit is ${MAX_PIXELS} in all.`);
  let image: DecodedPng;
  try {
    image = decode(png, { checkCrc: true });
  } catch (error) {
    throw new ImageError(`The PNG cannot be read: ${(error as Error).message}`);
  }
  if (image.palette) {
    const data = convertIndexedToRgb(image);
    return { width, height, channels: data.length / (width * height), data, most: 255 };
  }
  if (image.depth < 8) throw new ImageError(`The PNG has ${image.depth} bits a channel; use 8 or 16.`);
  return { width, height, channels: image.channels, data: image.data, most: 2 ** image.depth - 1 };
}

/** From the first to behind the last of what one of `count` stands for. */
const partOf = (index: number, count: number, of: number): [number, number] => [
  Math.floor((index * of) / count),
  Math.max(Math.floor(((index + 1) * of) / count), Math.floor((index * of) / count) + 1),
];

/** Weighted by opacity: what nobody sees has no colour. @returns red, green, blue, opacity, each of 0 to 255 */
function meanOf({ width, channels, data, most }: Pixels, top: number, bottom: number, left: number, right: number): number[] {
  const hasColour = channels >= 3;
  const hasOpacity = channels === 2 || channels === 4;
  const sums = [0, 0, 0];
  let opacity = 0;
  for (let row = top; row < bottom; row += 1) {
    for (let column = left; column < right; column += 1) {
      const at = (row * width + column) * channels;
      const weight = hasOpacity ? (data[at + channels - 1] as number) : most;
      for (const [index] of sums.entries()) sums[index] = (sums[index] as number) + (data[at + (hasColour ? index : 0)] as number) * weight;
      opacity += weight;
    }
  }
  const count = (bottom - top) * (right - left);
  const to8Bits = (value: number) => Math.round((value * 255) / most);
  return [...sums.map((sum) => (opacity === 0 ? 0 : to8Bits(sum / opacity))), to8Bits(opacity / count)];
}
