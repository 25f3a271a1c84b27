import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findRunningPostgres } from '@mink/dev';
import { CHECKLIST, createDoctor, type Examination } from 'mink';
import { createPostgresStorage, createPostgresStore } from 'mink/postgres';
import { alertRules, grafanaDashboard, readMonitoring } from 'mink/prometheus';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOrderStore } from '../src/order-store.ts';
import { order } from '../src/order.ts';
import { openOrders } from '../src/projections/open-orders.ts';
import { orderList } from '../src/projections/order-list.ts';
import { spawnService } from './support/service-process.ts';

const PROMETHEUS = '/usr/bin/prometheus';
const TIMEOUT_MS = 120_000;

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mink-monitoring-'));
});
afterEach(() => rm(directory, { recursive: true, force: true, maxRetries: 3 }));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A Prometheus that looks at a service every second, with the alerts of mink. */
async function startPrometheus(target: string) {
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: [join(directory, 'alerts.yml')],
    scrape_configs: [{ job_name: 'orders', static_configs: [{ targets: [target] }] }],
  };
  await writeFile(join(directory, 'alerts.yml'), JSON.stringify(alertRules()));
  await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config));
  const address = `127.0.0.1:${await freePort()}`;
  const process = spawn(
    PROMETHEUS,
    [
      `--config.file=${directory}/prometheus.yml`,
      `--storage.tsdb.path=${directory}/data`,
      `--web.listen-address=${address}`,
    ],
    { stdio: 'ignore' },
  );
  const ask = async (path: string): Promise<unknown> => {
    try {
      return await (await fetch(`http://${address}/api/v1/${path}`)).json();
    } catch {
      return undefined;
    }
  };
  const query = (text: string) => ask(`query?query=${encodeURIComponent(text)}`);
  return {
    url: `http://${address}`,
    ask,
    query,
    stop: async () => {
      const ended = once(process, 'exit');
      process.kill('SIGKILL');
      await ended;
    },
  };
}

function statusesOf({ findings }: Examination): Readonly<Record<string, string>> {
  return Object.fromEntries(findings.map(({ id, status }) => [id, status]));
}

describe('the service', { timeout: TIMEOUT_MS }, () => {
  it('says how it is doing to load balancers', async () => {
    const service = spawnService(directory, {});
    try {
      const url = await service.url();
      for (const path of ['live', 'ready']) {
        const answer = await fetch(`${url}/health/${path}`);
        expect(answer.status).toBe(200);
        expect(await answer.json()).toEqual({ status: 'healthy' });
      }
      await expect
        .poll(async () => (await fetch(`${url}/health`)).json())
        .toEqual({ status: 'healthy', projections: { 'order-list': 'live' }, reasons: [] });
    } finally {
      await service.stop();
    }
  });

  it('says what it is, and writes down who wanted what', async () => {
    const service = spawnService(directory, {});
    try {
      const url = await service.url();
      await fetch(`${url}/orders`, { method: 'POST', body: JSON.stringify({ id: '42', customerId: 'ada' }) });
      await fetch(`${url}/orders/42`);
      const found = await findRunningPostgres(join(directory, '.mink', 'postgres'));
      await using store = createPostgresStore({ url: found?.url, migrate: 'never' });
      const [process, ...others] = await store.operations.processes();
      expect(others).toEqual([]);
      expect(process).toMatchObject({ name: 'orders', isSilent: false, categories: ['Order'] });
      expect(process?.configuration).toContainEqual({ name: 'engine.leaseDuration', value: 3_000, source: 'option' });
      const lines = await store.operations.audit.list();
      expect(lines.map(({ type, status }) => [type, status])).toEqual([
        ['CreateOrder', 'succeeded'],
        ['CreateOrder', 'attempted'],
      ]);
      await store.close();
    } finally {
      await service.stop();
    }
  });

  it('is watched by a real Prometheus: its metrics, the alerts, and all that the dashboard asks', async (context) => {
    if (!existsSync(PROMETHEUS)) return context.skip('Prometheus is not installed (apt-get install prometheus)');
    const service = spawnService(directory, { LOG: 'json' });
    const prometheus = await service.url().then((url) => startPrometheus(new URL(url).host));
    try {
      const url = await service.url();
      await fetch(`${url}/orders`, { method: 'POST', body: JSON.stringify({ id: '42', customerId: 'ada' }) });
      const success = { status: 'success' };
      await expect
        .poll(() => prometheus.query('mink_events_appended_total'), { timeout: 30_000 })
        .toMatchObject({ ...success, data: { result: [{ value: [expect.any(Number), '1'] }] } });
      expect(await prometheus.query('mink_commands_total')).toMatchObject({
        data: { result: [{ metric: { type: 'CreateOrder', status: 'succeeded' } }] },
      });
      expect(await prometheus.query('mink_projection_state{state="live"}')).toMatchObject({
        data: { result: [{ metric: { projection: 'order-list' } }] },
      });
      await expect
        .poll(() => prometheus.ask('rules'), { timeout: 30_000 })
        .toMatchObject({
          data: { groups: [{ rules: alertRules().groups[0]?.rules.map(() => ({ health: 'ok', state: 'inactive' })) }] },
        });
      const queries = grafanaDashboard().panels.flatMap((panel) =>
        'targets' in panel && Array.isArray(panel.targets) ? panel.targets : [],
      );
      expect(queries.length).toBeGreaterThan(20);
      // What a doctor sees of a service that was started a moment ago, and was never backed up.
      await fetch(`${url}/health`);
      const found = await findRunningPostgres(join(directory, '.mink', 'postgres'));
      await using store = createOrderStore(createPostgresStorage({ url: found?.url }));
      const monitoring = () => readMonitoring({ prometheus: prometheus.url, dashboards: [grafanaDashboard()] });
      const doctor = createDoctor(store, { projections: [openOrders, orderList], deciders: [order], monitoring });
      await expect
        .poll(async () => statusesOf(await doctor.examine({ scope: 'production' })), { timeout: 30_000, interval: 500 })
        .toEqual({
          ...Object.fromEntries(CHECKLIST.map(({ id }) => [id, 'ok'])),
          backups: 'failed',
          'storage-growth': 'warning',
        });
      await store.close();
      for (const { expr } of queries) {
        expect(await prometheus.query(String(expr).replaceAll('$__rate_interval', '1m'))).toMatchObject(success);
      }
    } finally {
      await prometheus.stop();
      await service.stop();
    }
  });
});
