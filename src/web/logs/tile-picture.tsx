/** A square for each tile of a snapshot: full where the snapshot wrote it anew, hollow where it took the one before. Two paths, however many. */
import { type PointerEvent, useMemo, useState } from 'react';
import { rangeName } from '../../spreadsheet/a1.ts';
import type { Tile } from '../api-types.ts';
import { formatBytes, plural } from '../format.ts';
import { layOutTiles, type PlacedTile } from './tile-layout.ts';

interface TilePictureProps {
  tiles: readonly Tile[];
  rewrittenCount: number;
}

const WIDTH = 360;
const HEIGHT = 200;

export function TilePicture({ tiles, rewrittenCount }: TilePictureProps) {
  const { placed, step, width, height } = useMemo(() => layOutTiles(tiles, WIDTH, HEIGHT), [tiles]);
  const [pointed, setPointed] = useState<PlacedTile>();
  const square = Math.max(step * 0.5, step - Math.min(2, step * 0.2));
  const path = (isRewritten: boolean) =>
    placed
      .filter(({ tile }) => tile.isRewritten === isRewritten)
      .map(({ x, y }) => `M${round(x)} ${round(y)}h${round(square)}v${round(square)}h-${round(square)}z`)
      .join('');

  const point = (event: PointerEvent<SVGSVGElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const y = ((event.clientY - box.top) / box.height) * height;
    setPointed(placed.find((one) => x >= one.x && x < one.x + step && y >= one.y && y < one.y + step));
  };

  return (
    <>
      <svg
        className="tile-picture"
        role="img"
        aria-label={`${rewrittenCount} of ${plural(tiles.length, 'tile')} rewritten`}
        viewBox={`0 0 ${round(width)} ${round(height)}`}
        width={round(width)}
        height={round(height)}
        onPointerMove={point}
        onPointerLeave={() => setPointed(undefined)}
      >
        <path className="tile--kept" d={path(false)} />
        <path className="tile--rewritten" d={path(true)} />
        {pointed && <rect className="tile--pointed" x={pointed.x} y={pointed.y} width={square} height={square} />}
      </svg>
      <p className="tile-pointed muted" aria-hidden="true">
        {pointed ? describeTile(pointed.tile) : ' '}
      </p>
    </>
  );
}

function describeTile({ bytes, isRewritten, ...range }: Tile): string {
  return `${rangeName(range)}: ${bytes === undefined ? '' : `${formatBytes(bytes)}, `}${isRewritten ? 'rewritten' : 'kept'}`;
}

const round = (length: number): number => Math.round(length * 100) / 100;
