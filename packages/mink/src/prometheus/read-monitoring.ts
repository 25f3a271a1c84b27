import { METRICS, type MonitoredRule, type Monitoring } from '../core/index.ts';

/** Options of {@link readMonitoring}. */
export interface ReadMonitoringOptions {
  /** Where Prometheus is: `http://prometheus:9090`, with user and password where it asks for them. */
  readonly prometheus?: string | undefined;
  /** Dashboards of Grafana: as they are exported, or as its API answers. */
  readonly dashboards?: readonly unknown[] | undefined;
  /**
   * Milliseconds that Prometheus may take to answer.
   * @defaultValue 5_000
   */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** @defaultValue the one of Node.js */
  readonly fetch?: typeof fetch | undefined;
}

/**
 * Asks Prometheus which alert rules it has loaded, and whether it has the metrics of mink; and looks through dashboards. For
 * `createDoctor`, which judges. Rejects where Prometheus does not answer.
 */
export async function readMonitoring(options: ReadMonitoringOptions): Promise<Monitoring> {
  const { prometheus, dashboards } = options;
  const asked = dashboards?.map(toDashboard);
  if (prometheus === undefined) return { rules: undefined, series: undefined, dashboards: asked };
  const ask = (path: string): Promise<unknown> => answerOf(new URL(`api/v1/${path}`, withSlash(prometheus)), options);
  const { name } = METRICS.storageBytes;
  const [rules, now, before] = await Promise.all([
    ask('rules?type=alert'),
    ask(`query?query=${name}`),
    ask(`query?query=${encodeURIComponent(`${name} offset 1h`)}`),
  ]);
  const age = listIn(before, 'data', 'result').length > 0 ? 3_600 : 0;
  const series = listIn(now, 'data', 'result').length > 0 ? { [name]: { age } } : {};
  return { rules: listIn(rules, 'data', 'groups').flatMap(toRules), series, dashboards: asked };
}

function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`;
}

async function answerOf(
  url: URL,
  { timeout = 5_000, signal, fetch: ask = fetch }: ReadMonitoringOptions,
): Promise<unknown> {
  const late = AbortSignal.timeout(timeout);
  // Without who signs in: `fetch` takes no such URL, and errors say it.
  const place = `${url.origin}${url.pathname}`;
  const how = { headers: signInOf(url), signal: signal === undefined ? late : AbortSignal.any([signal, late]) };
  const answer = await ask(`${place}${url.search}`, how).catch((error: unknown) => {
    throw new Error(`Prometheus does not answer at ${place}: ${reasonOf(error)}.`, { cause: error });
  });
  if (!answer.ok) throw new Error(`Prometheus answers ${answer.status} at ${place}.`);
  return answer.json().catch((error: unknown) => {
    throw new Error(`What answers at ${place} is no Prometheus: it does not speak JSON.`, { cause: error });
  });
}

/** User and password of a URL, as HTTP takes them. */
function signInOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const pair = [username, password].map((part) => decodeURIComponent(part)).join(':');
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** `fetch` says "fetch failed", and why in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}

/** A member of what may be an object. */
function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** A list deep in an answer; empty where it is not there. */
function listIn(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = path.reduce(memberOf, value);
  return Array.isArray(found) ? found : [];
}

function textIn(value: unknown, name: string): string {
  const found = memberOf(value, name);
  return typeof found === 'string' ? found : '';
}

function toRules(group: unknown): readonly MonitoredRule[] {
  return listIn(group, 'rules').map((rule) => ({
    name: textIn(rule, 'name'),
    query: textIn(rule, 'query'),
    // Until it was evaluated for the first time, nothing is known against it.
    isHealthy: textIn(rule, 'health') !== 'err',
  }));
}

function toDashboard(value: unknown): { readonly title: string; readonly queries: readonly string[] } {
  const dashboard = memberOf(value, 'dashboard') ?? value;
  const panels = listIn(dashboard, 'panels');
  // Rows that are folded hold theirs.
  const all = [...panels, ...panels.flatMap((panel) => listIn(panel, 'panels'))];
  const queries = all.flatMap((panel) => listIn(panel, 'targets').map((target) => textIn(target, 'expr')));
  return { title: textIn(dashboard, 'title'), queries };
}
