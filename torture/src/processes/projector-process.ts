import { createProjectionEngine } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { isProjectionSabotage } from '../cluster/sabotage.ts';
import { brokenPool } from '../projections/broken-pool.ts';
import { happenings } from '../projections/happenings.ts';
import { naiveProjector } from '../projections/naive-projector.ts';
import { tallyProjections, Troubles } from '../projections/tally-projections.ts';
import { pause } from '../waiting.ts';
import { numberIn, parseRecord, textIn } from './json.ts';
import { lifeOfParent } from './life.ts';
import { versionsIn } from './versions-in.ts';

// A service that keeps projections up to date, and the control beside them. It is killed or frozen at any time, and otherwise
// ends when its parent says so.
const config = parseRecord(process.argv[2] ?? '') ?? {};
const url = textIn(config, 'url');
const troubles = new Troubles(numberIn(config, 'cure'));
const versions = versionsIn(config, 'versions');
const projections = tallyProjections(versions, troubles);
const { sabotage } = config;
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const quiet = new AbortController();
let retrying: Promise<unknown> = Promise.resolve();
const signal = lifeOfParent((line) => {
  const [verb = '', level = ''] = line.split(' ');
  if (verb === 'cure') troubles.cure = Number(level);
  if (verb === 'retry') retrying = Promise.all([retrying, retryAll().catch(() => undefined)]);
  if (verb === 'quiet') becomeQuiet().catch(() => undefined);
});

const pool = isProjectionSabotage(sabotage) ? brokenPool(url, sabotage, () => say('broken')) : undefined;
const store = createPostgresStore({
  ...(pool === undefined ? { url } : { pool }),
  categories: { Thing: happenings },
  migrate: 'never',
  wakeUp: config['wakeUp'] === 'poll' ? 'poll' : 'notify',
  connectTimeout: 2_000,
});
const engine = createProjectionEngine(store, projections, {
  leaseDuration: numberIn(config, 'lease'),
  batchSize: numberIn(config, 'batchSize'),
  maxParkedKeys: numberIn(config, 'maxParkedKeys'),
  backoff: 5,
});
const naive = naiveProjector(url, textIn(config, 'name'), signal);

while (!signal.aborted) {
  try {
    await engine.start();
    break;
  } catch (error) {
    // The server may be away when it starts; whatever else it is, stands among what it has printed.
    process.stderr.write(`could not start: ${String(error)}\n`);
    await pause(100, signal);
  }
}
say('started');
await new Promise((resolve) => {
  if (signal.aborted) resolve(undefined);
  signal.addEventListener('abort', resolve);
});
await becomeQuiet();
await engine.close();
await naive;
await store.close();
await pool?.end();
process.exit(0);

/** Killed in the middle of it, too. Others may have keys parked that there is no code for here. */
async function retryAll(): Promise<void> {
  for (const { name, version, key } of await engine.deadLetters.list().toArray()) {
    if (!versions.some((known) => known.name === name && known.version === version)) continue;
    await engine.deadLetters.retry({ projection: { name, version }, key }, { signal: quiet.signal });
  }
}

/** Retries no more. */
async function becomeQuiet(): Promise<void> {
  quiet.abort();
  await retrying;
  say('quiet');
}
