import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export interface PlotOptions {
  readonly colours: readonly string[];
  readonly axis: string;
  readonly grid: string;
  readonly data: uPlot.AlignedData;
  readonly height: number;
  readonly format: (value: number) => string;
  /** Told the index of the point under the pointer; undefined when it has left. */
  readonly onPoint: (index: number | undefined) => void;
}

/** All charts of a page point at the same time. */
const sync = uPlot.sync('charts');

/** Seconds that are drawn at least: a minute's points are not pulled over the whole width. */
const SHORTEST = 300;

/** Of the data itself: uPlot makes a day of a single point. */
function rangeOf(times: ArrayLike<number> = []): [number, number] {
  const end = times[times.length - 1] ?? Date.now() / 1_000;
  return [Math.min(times[0] ?? end, end - SHORTEST), end];
}

/** Draws lines over time into an element. Loaded when the first chart is shown. */
export function createPlot(element: HTMLElement, options: PlotOptions): uPlot {
  const { colours, axis, grid, data, height, format, onPoint } = options;
  const font = '11px system-ui, sans-serif';
  const lines = { stroke: grid, width: 1 };
  return new uPlot(
    {
      width: element.clientWidth,
      height,
      padding: [6, 4, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: sync.key }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
      scales: {
        x: { range: ({ data: known }) => rangeOf(known?.[0]) },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high ?? 0) > 0 ? (high ?? 0) * 1.1 : 1] },
      },
      axes: [
        { stroke: axis, font, grid: lines, ticks: { show: false }, size: 20, space: 70, values: clockValues },
        {
          stroke: axis,
          font,
          grid: lines,
          ticks: { show: false },
          size: 52,
          space: 28,
          values: (_, values) => values.map(format),
        },
      ],
      series: [
        {},
        ...colours.map((stroke, index) => ({
          stroke,
          width: 1.5,
          points: { show: false },
          ...(index === 0 && colours.length === 1 ? { fill: withAlpha(stroke) } : {}),
        })),
      ],
      hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)] },
    },
    data,
    element,
  );
}

const withAlpha = (colour: string): string => colour.replace(/^rgb\((?<parts>.*)\)$/u, 'rgba($1, 0.12)');

function clockValues(_: uPlot, seconds: readonly number[]): string[] {
  return seconds.map((second) =>
    new Date(second * 1_000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' }),
  );
}
