import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Monitoring } from 'mink';
import { readMonitoring } from 'mink/prometheus';
import { UsageError } from '../../errors.ts';

/** Whom to ask. */
interface MonitoringSources {
  readonly prometheus: string | undefined;
  /** Files, or URLs of Grafana. */
  readonly dashboards: readonly string[] | undefined;
  readonly cwd: string;
  /** For Grafana. */
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** Asks Prometheus and Grafana; undefined where nobody is to be asked. */
export function monitoringOf(sources: MonitoringSources): (() => Promise<Monitoring>) | undefined {
  const { prometheus, dashboards, signal } = sources;
  if (prometheus !== undefined && !URL.canParse(prometheus))
    throw new UsageError(`--prometheus "${prometheus}" is no URL. Give one such as http://prometheus:9090.`);
  if (prometheus === undefined && dashboards === undefined) return undefined;
  return async () => {
    const all = dashboards && (await Promise.all(dashboards.map((one) => readDashboard(one, sources))));
    return readMonitoring({ prometheus, dashboards: all, signal });
  };
}

async function readDashboard(place: string, { cwd, token, signal }: MonitoringSources): Promise<unknown> {
  if (!/^https?:/u.test(place)) return JSON.parse(await readFile(resolve(cwd, place), 'utf8'));
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(place, { headers, signal });
  if (!answer.ok) throw new Error(`Grafana answers ${answer.status} at ${new URL(place).origin}.`);
  return answer.json();
}
