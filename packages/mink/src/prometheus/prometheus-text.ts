import type { HistogramSample, LabelValues, MetricDefinition, MetricFamily, Metrics } from '../core/index.ts';

/** What `prometheusText` is to be sent as. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * All metrics in the text format of Prometheus 0.0.4, which OpenMetrics scrapers read, too.
 *
 * @example
 * app.get('/metrics', async (c) => c.body(await prometheusText(metrics), 200, { 'content-type': PROMETHEUS_CONTENT_TYPE }));
 */
export async function prometheusText(metrics: Pick<Metrics, 'collect'>): Promise<string> {
  const families = await metrics.collect();
  return families.map(familyText).join('');
}

function familyText({ definition, samples, histograms }: MetricFamily): string {
  const { name, kind, help } = definition;
  const lines = [
    `# HELP ${name} ${help.replaceAll('\\', String.raw`\\`).replaceAll('\n', String.raw`\n`)}`,
    `# TYPE ${name} ${kind}`,
    ...samples.map(({ labels, value }) => `${name}${labelText(definition, labels)} ${numberText(value)}`),
    ...histograms.flatMap((histogram) => histogramLines(definition, histogram)),
  ];
  return `${lines.join('\n')}\n`;
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

function escaped(value: string): string {
  return value
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}

function numberText(value: number): string {
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
