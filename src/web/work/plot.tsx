/** A small chart of lines over time, on a canvas: its colours are read from the theme, its figures are in `label` for whoever cannot see it. */
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { themeColor, useTheme } from '../theme.ts';
import type { Line, Series } from './series.ts';

interface PlotProps {
  series: Series;
  label: string;
  format: (value: number) => string;
}

const HEIGHT = 120;
const AXIS_WIDTH = 46;
const SHORTEST_S = 60;

export default function Plot({ series, label, format }: PlotProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const theme = useTheme();
  const { times, lines } = series;
  const newest = useRef({ data: dataOf(series), format });
  newest.current = { data: dataOf(series), format };
  const kinds = lines.map((line) => `${line.label} ${line.colour}`).join('\n');

  // A chart cannot change its lines or its colours: another one takes its place.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `kinds` stands for the lines, `theme` for the colours
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const chart = new uPlot(
      options(lines, element.clientWidth, (value) => newest.current.format(value)),
      newest.current.data,
      element,
    );
    plot.current = chart;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth !== chart.width) chart.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = undefined;
    };
  }, [kinds, theme]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the data is that of `times` and `lines`
  useEffect(() => plot.current?.setData(newest.current.data), [times, lines]);

  return <div ref={place} className="plot" role="img" aria-label={label} />;
}

/** A chart that has only begun is that of a whole minute, empty until then. */
function dataOf({ times, lines }: Series): uPlot.AlignedData {
  const [first] = times;
  const last = times.at(-1);
  const isShort = first !== undefined && last !== undefined && last - first < SHORTEST_S;
  return [[...(isShort ? [last - SHORTEST_S] : []), ...times], ...lines.map(({ values }) => [...(isShort ? [null] : []), ...values])];
}

/** A value without one before and after it makes no line: it is a point. */
function isolated({ data }: uPlot, line: number): number[] {
  const values = data[line] ?? [];
  const isThere = (index: number) => values[index] !== null && values[index] !== undefined;
  return [...values.keys()].filter((index) => isThere(index) && !isThere(index - 1) && !isThere(index + 1));
}

function options(lines: readonly Line[], width: number, format: (value: number) => string): uPlot.Options {
  const muted = themeColor('--muted');
  const grid = { stroke: themeColor('--border'), width: 1 };
  const font = `11px ${themeColor('--font')}`;
  const axis = { stroke: muted, font, grid, ticks: { show: false } };
  return {
    width,
    height: HEIGHT,
    padding: [8, 18, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: true },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 22,
        space: 60,
        grid: { show: false },
        values: [
          [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
          [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
        ],
      },
      { ...axis, size: AXIS_WIDTH, space: 32, values: (_, splits) => splits.map((value) => (value === null ? '' : format(value))) },
    ],
    series: [
      {},
      ...lines.map(({ label, colour }) => ({
        label,
        stroke: themeColor(colour === 'danger' ? '--danger' : `--series-${colour + 1}`),
        width: 1.5,
        points: { show: true, size: 4, filter: isolated, fill: themeColor(colour === 'danger' ? '--danger' : `--series-${colour + 1}`) },
        spanGaps: false,
      })),
    ],
  };
}
