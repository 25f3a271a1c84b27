import { createProjectionVersions, MinkError } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { isProjectionSabotage } from '../cluster/sabotage.ts';
import { brokenPool } from '../projections/broken-pool.ts';
import { happenings } from '../projections/happenings.ts';
import { isAway } from '../projections/is-away.ts';
import { tallyProjections, Troubles } from '../projections/tally-projections.ts';
import { jobIn, type BuilderLine } from '../projections/version-job.ts';
import { numberIn, parseRecord, textIn } from './json.ts';
import { lifeOfParent } from './life.ts';
import { versionsIn } from './versions-in.ts';

// Somebody at the command line who builds, switches or drops a version. It says how far it is and how it ended, and is killed
// or frozen at any time.
const config = parseRecord(process.argv[2] ?? '') ?? {};
const url = textIn(config, 'url');
const job = jobIn(config);
const { sabotage } = config;
const say = (line: BuilderLine): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
const signal = lifeOfParent();
const pool = isProjectionSabotage(sabotage)
  ? brokenPool(url, sabotage, () => process.stdout.write('broken\n'))
  : undefined;
const store = createPostgresStore({
  ...(pool === undefined ? { url } : { pool }),
  categories: { Thing: happenings },
  migrate: 'never',
  connectTimeout: 2_000,
});
const code = tallyProjections(versionsIn(config, 'versions'), new Troubles(numberIn(config, 'cure')));
const versions = createProjectionVersions(store, code, {
  leaseDuration: numberIn(config, 'lease'),
  maxParkedKeys: numberIn(config, 'maxParkedKeys'),
  batchSize: job.batchSize,
  backoff: 5,
});

say({ line: 'begun' });
try {
  await perform();
  say({ line: 'done' });
} catch (error) {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  say({ line: 'failed', code: error instanceof MinkError ? error.code : 'UNKNOWN', message, isAway: isAway(error) });
}
await store.close();
await pool?.end();
process.exit(0);

async function perform(): Promise<unknown> {
  const { name, version, verb, rate, batchSize, isForced } = job;
  const id = { name, version };
  const build = {
    rate,
    batchSize,
    signal,
    onProgress: (progress: { readonly version: number; readonly position: number; readonly left: number }) => {
      say({ line: 'progress', version: progress.version, position: progress.position, left: progress.left });
    },
  };
  // Short: who compares holds the version, and may be killed.
  const compare = { signal, timeout: 5_000 };
  switch (verb) {
    case 'build':
      return versions.build(id, build);
    case 'rebuild':
      return versions.rebuild(id, { ...build, isForced });
    case 'switch':
      return versions.switchTo(id, { isForced, signal });
    case 'roll back':
      return versions.rollback(id, { isForced, signal });
    case 'retire':
      return versions.retire(id, { isForced });
    case 'plan':
      return versions.plan(id, { signal });
    case 'compare':
      return versions.compare(id, compare);
    case 'what if':
      return versions.whatIf(id, { ...build, ...compare });
  }
}
