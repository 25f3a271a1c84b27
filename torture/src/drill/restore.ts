import { createBackup, restoreBackup } from 'mink/postgres';
import { runSql } from '../cluster/sql.ts';
import { lostOf } from './ledger.ts';
import { findingsOf, Scene, type DrillContext, type Outcome } from './scene.ts';

/** A backup in memory, behind what was acknowledged before it began. */
export async function backupOf(
  url: string,
  after = 0,
): Promise<{ readonly lines: readonly string[]; readonly upTo: number }> {
  const lines: string[] = [];
  for await (const line of createBackup({ url, after })) lines.push(line);
  const header: unknown = JSON.parse(lines[0] ?? '');
  const upTo = typeof header === 'object' && header !== null && 'upTo' in header ? Number(header.upTo) : Number.NaN;
  return { lines, upTo };
}

export async function* linesOf(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines;
}

/** The log as it was at a time, beside the one of now, while the service goes on. */
export async function restoreToYesterday(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  await scene.work();
  const before = await scene.service.acknowledged();
  const [row] = await runSql(
    scene.url,
    `select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
  );
  const yesterday = new Date(String(row?.[0]));
  await scene.work();
  const { lines } = await backupOf(scene.url);
  const began = Date.now();
  await restoreBackup({ url: scene.url, schema: 'then', untilTime: yesterday }, linesOf(lines));
  const recovered = Date.now();
  const lost = await lostOf(before, { url: scene.url, schema: 'then' });
  const [late] = await runSql(scene.url, 'select count(*) from "then".events where recorded_at > $1', [yesterday]);
  const settled = await scene.settle(scene.url);
  const problems = [
    ...settled.problems,
    ...(await findingsOf(scene.url, 'then')),
    ...(Number(late?.[0]) === 0 ? [] : [`${String(late?.[0])} events are of a later time`]),
  ];
  return {
    noticed: undefined,
    recovered: recovered - began,
    acknowledged: before.length,
    lost: lost.length + settled.lost,
    problems,
    remark: 'acknowledged before that time',
  };
}

/** The server is gone for good: a new one gets the backup and its increments. */
export async function newServer(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  await scene.work();
  const base = await backupOf(scene.url);
  await scene.work();
  const first = await backupOf(scene.url, base.upTo);
  await scene.work();
  // What is acknowledged before the last increment begins, must be in it.
  const saved = await scene.service.acknowledged();
  const last = await backupOf(scene.url, first.upTo);
  const happened = Date.now();
  await scene.primary.kill();
  const noticed = await scene.service.said('failing', happened);
  const unsaved = (await scene.service.acknowledged()).length - saved.length;
  const began = Date.now();
  const server = await scene.addCluster('replacement');
  await server.createDatabase('drill');
  const url = scene.urlOn(server);
  for (const { lines } of [base, first, last]) await restoreBackup({ url }, linesOf(lines));
  scene.pointTo(server);
  // Its read model is made anew from the log.
  await scene.service.restart();
  const recovered = await scene.service.said('health healthy', began);
  await scene.work();
  const settled = await scene.settle(url, { acknowledged: saved });
  const remark = `acknowledged before the last increment; ${unsaved} came after it, and are gone`;
  return { noticed: noticed - happened, recovered: recovered - began, ...settled, remark };
}
