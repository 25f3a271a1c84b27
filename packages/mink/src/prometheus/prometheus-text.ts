import type { HistogramSample, LabelValues, MetricDefinition, MetricFamily, Metrics } from '../core/index.ts';

/** What `prometheusText` is to be sent as. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** What `openMetricsText` is to be sent as, to whoever accepts it. */
export const OPENMETRICS_CONTENT_TYPE = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * All metrics in the text format of Prometheus 0.0.4, which every scraper reads.
 *
 * @example
 * app.get('/metrics', async (c) => c.body(await prometheusText(metrics), 200, { 'content-type': PROMETHEUS_CONTENT_TYPE }));
 */
export async function prometheusText(metrics: Pick<Metrics, 'collect'>): Promise<string> {
  const families = await metrics.collect();
  return families
    .map((family) => {
      const { name, kind, help } = family.definition;
      return textOf([`# HELP ${name} ${escapedHelp(help)}`, `# TYPE ${name} ${kind}`, ...seriesLines(family)]);
    })
    .join('');
}

/**
 * All metrics in the text of OpenMetrics 1.0: the same series, with their units, and an end, so that a text that was cut off is seen.
 *
 * @example
 * app.get('/metrics', async (c) => c.body(await openMetricsText(metrics), 200, { 'content-type': OPENMETRICS_CONTENT_TYPE }));
 */
export async function openMetricsText(metrics: Pick<Metrics, 'collect'>): Promise<string> {
  const families = await metrics.collect();
  return `${families.map(openMetricsFamily).join('')}# EOF\n`;
}

function openMetricsFamily(family: MetricFamily): string {
  const { name, kind, help } = family.definition;
  // Of a counter, only the series has the suffix.
  const base = kind === 'counter' ? name.replace(/_total$/u, '') : name;
  const unit = /_(?<unit>seconds|bytes)$/u.exec(base)?.groups?.['unit'];
  return textOf([
    `# TYPE ${base} ${kind}`,
    ...(unit === undefined ? [] : [`# UNIT ${base} ${unit}`]),
    `# HELP ${base} ${escaped(help)}`,
    ...seriesLines(family),
  ]);
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function seriesLines({ definition, samples, histograms }: MetricFamily): readonly string[] {
  return [
    ...samples.map(({ labels, value }) => `${definition.name}${labelText(definition, labels)} ${numberText(value)}`),
    ...histograms.flatMap((histogram) => histogramLines(definition, histogram)),
  ];
}

function histogramLines(definition: MetricDefinition, { labels, counts, sum, count }: HistogramSample): string[] {
  const { name, buckets = [] } = definition;
  const plain = labelText(definition, labels);
  const below = (bound: string): string => labelText(definition, labels, `le="${bound}"`);
  return [
    ...buckets.map((bound, index) => `${name}_bucket${below(numberText(bound))} ${counts[index] ?? 0}`),
    `${name}_bucket${below('+Inf')} ${count}`,
    `${name}_sum${plain} ${numberText(sum)}`,
    `${name}_count${plain} ${count}`,
  ];
}

function labelText({ labels }: MetricDefinition, values: LabelValues, more?: string): string {
  const all = labels.map((label, index) => `${label}="${escaped(values[index] ?? '')}"`);
  if (more !== undefined) all.push(more);
  return all.length === 0 ? '' : `{${all.join(',')}}`;
}

function escapedHelp(help: string): string {
  return help.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`);
}

function escaped(value: string): string {
  return escapedHelp(value).replaceAll('"', String.raw`\"`);
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
