import { createProjectionVersions } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { runSql } from '../cluster/sql.ts';
import { accountEvents, balances } from './balances.ts';
import { readModelIsRight, Scene, when, type DrillContext, type Outcome } from './scene.ts';

const open = (url: string) => createPostgresStore({ url, categories: { Account: accountEvents }, migrate: 'never' });

/** The table of a read model is dropped: its projection stops, says so, and makes it again when it is told to. */
export async function readModelDropped(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  await scene.work();
  const happened = Date.now();
  await runSql(scene.url, 'drop table mink_read.balances_v1 cascade');
  const noticed = await scene.service.said('health unhealthy', happened);
  const began = Date.now();
  await using store = open(scene.url);
  await store.projections.reset(balances);
  const recovered = await scene.service.said('health healthy', began);
  await scene.work();
  return { noticed: noticed - happened, recovered: recovered - began, ...(await scene.settle(scene.url)) };
}

/** Somebody empties the table by hand: nothing fails, so a proof of the rows has to find it. A rebuild beside it mends it. */
export async function readModelEmptied(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  await scene.work();
  const happened = Date.now();
  await runSql(scene.url, 'truncate mink_read.balances_v1');
  const noticed = await when('the proof fails', async () => !(await readModelIsRight(scene.url)));
  const began = Date.now();
  await using store = open(scene.url);
  await createProjectionVersions(store, [balances]).rebuild(balances);
  const recovered = Date.now();
  await scene.work();
  return { noticed: noticed - happened, recovered: recovered - began, ...(await scene.settle(scene.url)) };
}
