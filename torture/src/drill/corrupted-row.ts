import { restoreBackup, sealStore, verifyStore } from 'mink/postgres';
import { runSql } from '../cluster/sql.ts';
import { backupOf, linesOf } from './restore.ts';
import { Scene, type DrillContext, type Outcome } from './scene.ts';

/** Only the owner of the tables can do that; PostgreSQL's own checks of pages find nothing wrong about it. */
const CHANGE = (assignment: string): string => `
  begin;
  alter table mink.events disable trigger refuse_change;
  ${assignment};
  alter table mink.events enable always trigger refuse_change;
  commit`;

/** An event is changed behind mink's back: its seal tells which one, and a backup what it was. */
export async function rowCorrupted(context: DrillContext): Promise<Outcome> {
  await using scene = await Scene.open(context);
  await scene.work();
  const { receipt = '', position } = await sealStore({ url: scene.url });
  const { lines } = await backupOf(scene.url);
  await scene.work();
  const sealed = (await scene.service.acknowledged()).filter((entry) => entry.position <= position);
  const victim = sealed[context.random.int(0, sealed.length - 1)]?.position;
  const happened = Date.now();
  await runSql(
    scene.url,
    CHANGE(`update mink.events set data = '{"amount":-1,"note":""}' where global_position = ${victim}`),
  );
  const receipts = [receipt];
  const { findings } = await verifyStore({ url: scene.url, receipts });
  const noticed = Date.now();
  const isNamed = findings.some(({ check, detail }) => check === 'seal' && detail.includes(`(position ${victim})`));
  const began = Date.now();
  await restoreBackup({ url: scene.url, schema: 'sound' }, linesOf(lines));
  await runSql(
    scene.url,
    CHANGE(`update mink.events e set data = s.data from sound.events s
      where e.global_position = ${victim} and s.global_position = e.global_position and s.event_id = e.event_id`),
  );
  const mended = await verifyStore({ url: scene.url, receipts });
  const recovered = Date.now();
  await scene.work();
  const settled = await scene.settle(scene.url);
  const problems = [
    ...settled.problems,
    ...(isNamed ? [] : ['the event that was changed was not named']),
    ...(mended.ok ? [] : ['it is not what it was']),
  ];
  return { noticed: noticed - happened, recovered: recovered - began, ...settled, problems };
}
