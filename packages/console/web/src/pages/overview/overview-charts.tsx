import { useMemo } from 'preact/hooks';
import type { Overview, Sample } from '../../../../src/api-types.ts';
import { useSamples } from '../../api/use-samples.ts';
import { Chart, type ChartSeries } from '../../components/chart.tsx';
import { ErrorNotice } from '../../components/notices.tsx';
import { bytes, rate, shortCount } from '../../format/numbers.ts';
import { duration } from '../../format/times.ts';

const seconds = (value: number | undefined): string => duration(value === undefined ? undefined : value * 1_000);

interface Drawing {
  readonly title: string;
  readonly format: (value: number | undefined) => string;
  readonly lines: readonly { readonly label: string; readonly of: (sample: Sample) => number | undefined }[];
}

const DRAWINGS: readonly Drawing[] = [
  { title: 'Events appended', format: rate, lines: [{ label: 'events', of: ({ events }) => events }] },
  {
    title: 'Latency',
    format: seconds,
    lines: [
      { label: 'p50', of: ({ appendP50 }) => appendP50 },
      { label: 'p99', of: ({ appendP99 }) => appendP99 },
    ],
  },
  { title: 'Commands', format: rate, lines: [{ label: 'commands', of: ({ commands }) => commands }] },
  { title: 'Projection lag', format: shortCount, lines: [{ label: 'events', of: ({ lag }) => lag }] },
  {
    title: 'Waiting',
    format: shortCount,
    lines: [
      { label: 'held', of: ({ held }) => held },
      { label: 'dead letters', of: ({ deadLetters }) => deadLetters },
    ],
  },
  { title: 'Storage', format: bytes, lines: [{ label: 'size', of: ({ storageBytes }) => storageBytes }] },
];

/** The last hour. What is of this moment comes with the overview itself. */
export function OverviewCharts({ overview }: { readonly overview: Overview }) {
  const { samples = [], error } = useSamples();
  const drawn = useMemo(() => drawingsOf(samples), [samples]);
  const reporting = overview.rates.appendP50 !== undefined || overview.rates.commands !== undefined;
  return (
    <section class="charts" aria-label="The last hour">
      {error !== undefined && <ErrorNotice problem={error} />}
      {drawn.map(({ title, format, times, series }) => (
        <div key={title} class="panel">
          <Chart title={title} times={times} series={series} format={format} />
        </div>
      ))}
      {!reporting && (
        <p class="muted charts-hint">
          Latency and commands are told by processes that report with metrics; none does now. See{' '}
          <code>createProcessReport</code>.
        </p>
      )}
    </section>
  );
}

interface Drawn extends Pick<Drawing, 'title' | 'format'> {
  readonly times: readonly number[];
  readonly series: readonly ChartSeries[];
}

function drawingsOf(samples: readonly Sample[]): readonly Drawn[] {
  const times = samples.map(({ at }) => at);
  return DRAWINGS.map(({ title, format, lines }) => ({
    title,
    format,
    times,
    series: lines.map(({ label, of }) => ({ label, values: samples.map(of) })),
  }));
}
