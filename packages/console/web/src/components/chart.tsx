import { useEffect, useRef, useState } from 'preact/hooks';
import type uPlot from 'uplot';
import { NOTHING } from '../format/numbers.ts';
import { clockTime } from '../format/times.ts';
import { useTheme } from './theme.ts';

export interface ChartSeries {
  readonly label: string;
  readonly values: readonly (number | undefined)[];
}

export interface ChartProps {
  readonly title: string;
  /** Milliseconds since 1970, rising. */
  readonly times: readonly number[];
  /** Three at most. */
  readonly series: readonly ChartSeries[];
  readonly format: (value: number | undefined) => string;
  /** Pixels. */
  readonly height?: number;
}

const COLOURS = ['--chart-1', '--chart-2', '--chart-3'];

/** A line for each series over time, and the values where the pointer is; otherwise the last ones. */
export function Chart({ title, times, series, format, height = 96 }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const [pointed, setPointed] = useState<number>();
  const [theme] = useTheme();
  const labels = series.map(({ label }) => label).join('|');
  const data = dataOf(times, series);
  const latest = useRef(data);
  latest.current = data;

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    let isGone = false;
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    const draw = async (): Promise<void> => {
      const { createPlot } = await import('./plot.ts');
      if (isGone) return;
      plot.current = createPlot(element, {
        colours: labels.split('|').map((_, index) => colourOf(element, COLOURS[index] ?? '--chart-1')),
        axis: colourOf(element, '--chart-axis'),
        grid: colourOf(element, '--chart-grid'),
        data: latest.current,
        height,
        format,
        onPoint: setPointed,
      });
      observer.observe(element);
    };
    void draw();
    return () => {
      isGone = true;
      observer.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [theme, labels, height, format]);
  useEffect(() => plot.current?.setData(latest.current), [times, series]);

  const index = pointed ?? times.length - 1;
  return (
    <figure class="chart">
      <figcaption>
        <span class="chart-title">{title}</span>
        <span class="chart-values">
          {series.map(({ label, values }, place) => (
            <span key={label} class="chart-value">
              {series.length > 1 && (
                <span class="chart-label">
                  <span class={`swatch swatch-${place + 1}`} aria-hidden="true" />
                  {label}
                </span>
              )}
              <b>{format(values[index])}</b>
            </span>
          ))}
        </span>
        <span class="chart-time">{pointed === undefined ? '' : clockTime(times[pointed] ?? 0)}</span>
      </figcaption>
      <div
        ref={box}
        class={`chart-box chart-box-${height}`}
        role="img"
        aria-label={summaryOf({ title, series, format })}
      />
    </figure>
  );
}

function dataOf(times: readonly number[], series: readonly ChartSeries[]): uPlot.AlignedData {
  return [times.map((time) => time / 1_000), ...series.map(({ values }) => values.map((value) => value ?? null))];
}

function colourOf(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

function summaryOf({ title, series, format }: Pick<ChartProps, 'title' | 'series' | 'format'>): string {
  const parts = series.map(({ label, values }) => {
    const known = values.filter((value) => value !== undefined);
    if (known.length === 0) return `${label}: ${NOTHING}`;
    return `${label}: ${format(known.at(-1))} now, from ${format(Math.min(...known))} to ${format(Math.max(...known))}`;
  });
  return `${title} over time. ${parts.join('; ')}.`;
}
