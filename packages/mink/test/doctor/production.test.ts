import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CHECKLIST, createDoctor, type Monitoring } from '../../src/index.ts';
import { createMemoryStore } from '../../src/memory/index.ts';
import { alertRules, grafanaDashboard, readMonitoring } from '../../src/prometheus/index.ts';

/** What a Prometheus answers that has loaded the rules of mink and scraped a service for as long. */
function prometheus(of: { readonly rules: readonly object[]; readonly hasStorage: boolean; readonly isOld: boolean }) {
  const asked: string[] = [];
  const answer = (data: object): Response => Response.json({ status: 'success', data });
  const fetch = async (input: string | URL | Request): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input);
    asked.push(url.pathname);
    if (url.pathname.endsWith('/rules')) return answer({ groups: [{ name: 'mink', rules: of.rules }] });
    const isEarlier = url.searchParams.get('query')?.includes('offset') === true;
    const result = of.hasStorage && (of.isOld || !isEarlier) ? [{ metric: {}, value: [0, '1'] }] : [];
    return answer({ result });
  };
  return { fetch, asked };
}

const loaded = alertRules().groups.flatMap(({ rules }) =>
  rules.map(({ alert, expr }) => ({ name: alert, query: expr, health: 'ok', type: 'alerting' })),
);

async function monitored(
  of: Partial<Parameters<typeof prometheus>[0]>,
  dashboards: readonly unknown[] = [grafanaDashboard()],
): Promise<Record<string, string>> {
  const { fetch } = prometheus({ rules: loaded, hasStorage: true, isOld: true, ...of });
  const monitoring = (): Promise<Monitoring> => readMonitoring({ prometheus: 'http://p:9090/x', dashboards, fetch });
  const { findings } = await createDoctor(createMemoryStore(), { monitoring }).examine({ scope: 'production' });
  return Object.fromEntries(findings.slice(9).map(({ id, status }) => [id, status]));
}

const allOk = {
  dashboard: 'ok',
  'alert-lag': 'ok',
  'alert-errors': 'ok',
  'alert-latency': 'ok',
  'storage-growth': 'ok',
};

test('the examination for production has one finding for each line of the checklist, in its order', async () => {
  const { findings } = await createDoctor(createMemoryStore()).examine({ scope: 'production' });
  expect(findings.map(({ line }) => line)).toEqual(CHECKLIST.map(({ id }) => id));
  expect(findings).toHaveLength(14);
  expect(findings.every(({ status, mend }) => status === 'ok' || mend !== undefined)).toBe(true);
});

test('the guide says of each line what passes it', () => {
  const guide = readFileSync(new URL('../../../../docs/operations.md', import.meta.url), 'utf8');
  const [, checklist = ''] = guide.split('### The checklist');
  const rows = Array.from(checklist.matchAll(/^\| (?<text>.+?) +\| `(?<id>[a-z-]+)` +\|/gmu), ({ groups }) => ({
    ...groups,
  }));
  expect(rows).toEqual(CHECKLIST.map(({ id, text }) => ({ id, text })));
});

test('each check has an id of its own, in every examination', async () => {
  for (const scope of ['store', 'production', 'performance'] as const) {
    const { findings } = await createDoctor(createMemoryStore()).examine({ scope });
    expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
  }
});

test('the rules and the dashboard of mink are what the checklist asks for', async () => {
  expect(await monitored({})).toEqual(allOk);
});

test('what is not loaded, cannot be evaluated, or is not shown, is found', async () => {
  const without = (pattern: RegExp) => loaded.filter(({ query }) => !pattern.test(query));
  expect(await monitored({ rules: without(/lag/u) })).toEqual({ ...allOk, 'alert-lag': 'failed' });
  expect(await monitored({ rules: without(/failed/u) })).toEqual({ ...allOk, 'alert-errors': 'failed' });
  expect(await monitored({ rules: without(/histogram_quantile/u) })).toEqual({ ...allOk, 'alert-latency': 'failed' });
  const broken = loaded.map((rule) => (/lag/u.test(rule.query) ? { ...rule, health: 'err' } : rule));
  expect(await monitored({ rules: broken })).toEqual({ ...allOk, 'alert-lag': 'failed' });
  expect(await monitored({ hasStorage: false })).toEqual({ ...allOk, 'storage-growth': 'failed' });
  expect(await monitored({ isOld: false })).toEqual({ ...allOk, 'storage-growth': 'warning' });
  expect(await monitored({}, [{ title: 'Other', panels: [] }])).toEqual({ ...allOk, dashboard: 'failed' });
  // As the API of Grafana answers, with rows that are folded.
  const { title, panels } = grafanaDashboard();
  const folded = { dashboard: { title, panels: [{ type: 'row', panels }] } };
  expect(await monitored({}, [folded])).toEqual(allOk);
});

test('a monitoring system that nobody asks, or that does not answer, leaves its lines unknown', async () => {
  const statuses = async (monitoring?: () => Promise<Monitoring>): Promise<ReadonlySet<string>> => {
    const { findings } = await createDoctor(createMemoryStore(), { monitoring }).examine({ scope: 'production' });
    return new Set(findings.slice(9).map(({ status }) => status));
  };
  expect(await statuses()).toEqual(new Set(['unknown']));
  const refused = async (): Promise<Response> => new Response('', { status: 502 });
  expect(await statuses(() => readMonitoring({ prometheus: 'http://p:9090', fetch: refused }))).toEqual(
    new Set(['unknown']),
  );
  const odd = async (): Promise<Response> => Response.json({ data: { groups: [{ rules: [null, 7] }] } });
  expect(await statuses(() => readMonitoring({ prometheus: 'http://p:9090', fetch: odd }))).toEqual(
    new Set(['unknown', 'failed']),
  );
});

test('Prometheus is asked below the path where it is', async () => {
  const { fetch, asked } = prometheus({ rules: [], hasStorage: true, isOld: true });
  await readMonitoring({ prometheus: 'http://p/behind/a/proxy', fetch });
  expect(asked).toEqual([
    '/behind/a/proxy/api/v1/rules',
    '/behind/a/proxy/api/v1/query',
    '/behind/a/proxy/api/v1/query',
  ]);
});

test('Prometheus is told who asks, and what goes wrong does not say it', async () => {
  const told: (string | null)[] = [];
  const html = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    told.push(new Request(input, init).headers.get('authorization'));
    return new Response('<html>sign in</html>');
  };
  const prometheus = 'http://ann:p%40ss@p:9090/x';
  await expect(readMonitoring({ prometheus, fetch: html })).rejects.toThrow(
    'What answers at http://p:9090/x/api/v1/rules is no Prometheus: it does not speak JSON.',
  );
  expect(new Set(told)).toEqual(new Set([`Basic ${btoa('ann:p@ss')}`]));
  await expect(readMonitoring({ prometheus: 'http://ann:p%40ss@127.0.0.1:1' })).rejects.toThrow(
    /^Prometheus does not answer at http:\/\/127\.0\.0\.1:1\/api\/v1\/\w+: (?!fetch failed)[^@]+$/u,
  );
});
