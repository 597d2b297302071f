/**
 * The grid: cells of any sheet, however large, a selection, and an editor over the active cell. It owns where it is scrolled to and how wide
 * columns are; what is in the cells, what is selected and what a key does is given to it.
 *
 * Written for this page: docs/decisions/0025 says why.
 */
import { type KeyboardEvent, type ReactNode, type Ref, useEffect, useImperativeHandle, useLayoutEffect, useRef } from 'react';
import type { CellRange } from '../../../spreadsheet/cell.ts';
import { MAX_COLUMNS, MAX_ROWS } from '../../../spreadsheet/cell.ts';
import { createAxis } from './axis.ts';
import type { CellContent } from './cell-content.ts';
import { createPainter, type Seen } from './painter.ts';
import { followPointer, type GridPlace } from './pointer.ts';
import { createScroller, type Scroller } from './scroller.ts';
import type { Place, Selection } from './selection.ts';
import { createViewportRequests } from './viewport-requests.ts';

export interface GridRef {
  focus(): void;
  /** Scrolls no further than it must; where the cell is not near, it comes to the middle. */
  reveal(place: Place): void;
  /** Rows that fit. */
  pageRows(): number;
}

export interface GridProps {
  ref: Ref<GridRef>;
  label: string;
  /** Of what says which keys there are. */
  descriptionId: string;
  /** Rows and columns to show; it asks for more by `onNearEnd`. */
  rowCount: number;
  columnCount: number;
  selection: Selection;
  /** Another one each time there may be something else to draw. */
  contentOf: (row: number, column: number) => CellContent;
  isNews: (row: number, column: number) => boolean;
  isReadOnly: boolean;
  /** In place of the active cell. */
  editor: ReactNode;
  onSelect: (at: GridPlace, isExtended: boolean) => void;
  onEdit: (place: Place) => void;
  onKey: (event: KeyboardEvent) => void;
  /** What is seen, and a screen around it; not more often than viewport-requests.ts says. */
  onViewport: (range: CellRange) => void;
  onNearEnd: (end: 'rows' | 'columns') => void;
}

const HEAD_HEIGHT = 24;
const COLUMN_WIDTH = 104;

export function Grid(props: GridProps) {
  const root = useRef<HTMLDivElement>(null);
  const spacer = useRef<HTMLDivElement>(null);
  const area = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const columnHeads = useRef<HTMLDivElement>(null);
  const rowHeads = useRef<HTMLDivElement>(null);
  const range = useRef<HTMLDivElement>(null);
  const active = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  const view = useRef<GridView>(undefined);

  useLayoutEffect(() => {
    const parts = {
      root: root.current as HTMLElement,
      spacer: spacer.current as HTMLElement,
      area: area.current as HTMLElement,
      body: body.current as HTMLElement,
      columnHeads: columnHeads.current as HTMLElement,
      rowHeads: rowHeads.current as HTMLElement,
      range: range.current as HTMLElement,
      active: active.current as HTMLElement,
    };
    const made = createGridView(parts, () => latest.current);
    view.current = made;
    return () => {
      view.current = undefined;
      made.close();
    };
  }, []);
  useLayoutEffect(() => {
    latest.current = props;
    view.current?.update();
  });
  useImperativeHandle(props.ref, () => ({
    focus: () => root.current?.focus({ preventScroll: true }),
    reveal: (place) => view.current?.reveal(place),
    pageRows: () => view.current?.pageRows() ?? 1,
  }));
  useEffect(() => root.current?.focus({ preventScroll: true }), []);

  return (
    // biome-ignore lint/a11y/useSemanticElements: a table cannot be longer than a browser's limit on pixels
    <div
      ref={root}
      className={`sheet-grid${props.isReadOnly ? ' is-read-only' : ''}`}
      role="grid"
      tabIndex={0}
      aria-label={props.label}
      aria-describedby={props.descriptionId}
      aria-rowcount={MAX_ROWS + 1}
      aria-colcount={MAX_COLUMNS + 1}
      aria-multiselectable="true"
      aria-readonly={props.isReadOnly}
      onKeyDown={props.onKey}
    >
      <div ref={spacer} role="presentation" className="sheet-spacer">
        <div ref={area} role="presentation" className="sheet-area">
          <div role="presentation" className="sheet-body-frame">
            <div ref={body} role="presentation" className="sheet-body">
              <div ref={range} role="presentation" className="sheet-range" />
              <div ref={active} role="presentation" className="sheet-active">
                {props.editor}
              </div>
            </div>
          </div>
          <div role="presentation" className="sheet-column-heads">
            {/* biome-ignore lint/a11y/useSemanticElements: of the grid above */}
            <div ref={columnHeads} role="row" tabIndex={-1} aria-rowindex={1} className="sheet-column-heads-body" />
          </div>
          <div aria-hidden="true" className="sheet-row-heads">
            <div ref={rowHeads} className="sheet-row-heads-body" />
          </div>
          <div role="presentation" className="sheet-corner" />
        </div>
      </div>
    </div>
  );
}

interface GridView {
  update(): void;
  reveal(place: Place): void;
  pageRows(): number;
  close(): void;
}

type Parts = Parameters<typeof createPainter>[0] & { spacer: HTMLElement; area: HTMLElement };

function createGridView(parts: Parts, props: () => GridProps): GridView {
  const { root, spacer, area } = parts;
  const { paint, clear } = createPainter(parts);
  const scroller: Scroller = createScroller(root, spacer);
  const widths = new Map<number, number>();
  const rowHeight = matchMedia('(pointer: coarse)').matches ? 34 : 24;
  area.style.setProperty('--row-height', `${rowHeight}px`);
  let rows = createAxis({ count: 1, size: rowHeight });
  let columns = createAxis({ count: 1, size: COLUMN_WIDTH });
  let seenSize = { width: 0, height: 0 };
  let headWidth = 0;
  let frame: number | undefined;
  const viewport = createViewportRequests((range) => props().onViewport(range));

  function layOut(): void {
    const { rowCount, columnCount } = props();
    rows = createAxis({ count: rowCount, size: rowHeight });
    columns = createAxis({ count: columnCount, size: COLUMN_WIDTH, sizes: widths });
    headWidth = Math.max(44, 20 + 8 * String(rowCount).length);
    seenSize = { width: root.clientWidth, height: root.clientHeight };
    area.style.width = `${seenSize.width}px`;
    area.style.height = `${seenSize.height}px`;
    area.style.setProperty('--head-width', `${headWidth}px`);
    scroller.resize({
      width: headWidth + columns.length,
      height: HEAD_HEIGHT + rows.length,
      seenWidth: seenSize.width,
      seenHeight: seenSize.height,
    });
    draw();
  }

  function draw(): void {
    frame ??= requestAnimationFrame(() => {
      frame = undefined;
      if (seenSize.width > 0 && seenSize.height > 0) {
        const { selection, contentOf, isNews } = props();
        const { width, height } = inner();
        const seen = paint({
          rows,
          columns,
          headWidth,
          headHeight: HEAD_HEIGHT,
          x: scroller.x,
          y: scroller.y,
          width,
          height,
          selection,
          contentOf,
          isNews,
        });
        askFor(seen);
      }
    });
  }

  const inner = () => ({ width: Math.max(1, seenSize.width - headWidth), height: Math.max(1, seenSize.height - HEAD_HEIGHT) });

  function askFor({ firstRow, lastRow, firstColumn, lastColumn }: Seen): void {
    const [down, across] = [lastRow - firstRow + 1, lastColumn - firstColumn + 1];
    const row = Math.max(0, firstRow - down);
    const column = Math.max(0, firstColumn - Math.ceil(across / 2));
    const wanted = {
      row,
      column,
      rowCount: Math.min(MAX_ROWS - row, lastRow + down + 1 - row),
      columnCount: Math.min(MAX_COLUMNS - column, lastColumn + Math.ceil(across / 2) + 1 - column),
    };
    viewport.want(wanted);
    if (lastRow >= rows.count - 2 && rows.count < MAX_ROWS) {
      props().onNearEnd('rows');
    }
    if (lastColumn >= columns.count - 2 && columns.count < MAX_COLUMNS) {
      props().onNearEnd('columns');
    }
  }

  function reveal({ row, column }: Place): void {
    const { width, height } = inner();
    scroller.scrollTo({
      x: into(columns.offsetOf(column), columns.sizeOf(column), scroller.x, width),
      y: into(rows.offsetOf(row), rows.sizeOf(row), scroller.y, height),
    });
    draw();
  }

  const stop = followPointer(area, {
    geometry: () => ({ rows, columns, headWidth, headHeight: HEAD_HEIGHT, x: scroller.x, y: scroller.y }),
    onSelect: (at, isExtended) => props().onSelect(at, isExtended),
    onEdit: (place) => props().onEdit(place),
    onResize(column, width) {
      widths.set(column, width);
      layOut();
    },
    scrollBy({ x, y }) {
      scroller.scrollTo({ x: scroller.x + x, y: scroller.y + y });
      draw();
    },
  });
  const onScroll = () => {
    if (scroller.take()) {
      draw();
    }
  };
  root.addEventListener('scroll', onScroll, { passive: true });
  const sizes = new ResizeObserver(layOut);
  sizes.observe(root);
  layOut();

  return {
    update() {
      const { rowCount, columnCount } = props();
      if (rowCount !== rows.count || columnCount !== columns.count) {
        layOut();
      } else {
        draw();
      }
    },
    reveal,
    pageRows: () => Math.max(1, Math.floor(inner().height / rowHeight) - 1),
    close() {
      stop();
      clear();
      sizes.disconnect();
      scroller.close();
      root.removeEventListener('scroll', onScroll);
      viewport.close();
      if (frame !== undefined) {
        cancelAnimationFrame(frame);
      }
    },
  };
}

/** Where to scroll to, so that something is within what is seen. */
function into(offset: number, size: number, from: number, seen: number): number {
  if (offset >= from && offset + size <= from + seen) {
    return from;
  }
  const isNear = offset > from - seen && offset < from + 2 * seen;
  if (!isNear) {
    return Math.max(0, offset - Math.floor((seen - size) / 2));
  }
  return offset < from ? offset : offset + size - seen;
}
