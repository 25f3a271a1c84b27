import { createHealth, createProjectionEngine } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import { accountEvents, balances } from '../drill/balances.ts';
import { LedgerWriter } from '../drill/ledger.ts';
import { Random } from '../random.ts';
import { pause } from '../waiting.ts';
import { numberIn, parseRecord, textIn } from './json.ts';
import { lifeOfParent } from './life.ts';

// A service as it is in production: it appends, sends again what it got no answer to, keeps a read model, and watches its own health.
// It notes what was acknowledged in a file, and prints when it began to fail, when it works again, and what its health says.
const config = parseRecord(process.argv[2] ?? '') ?? {};
const random = new Random(textIn(config, 'seed'));
const ledger = new LedgerWriter(textIn(config, 'ledger'));
const say = (line: string): void => {
  process.stdout.write(`${line} ${Date.now()}\n`);
};
/** Milliseconds between two tries, and two looks at the health. */
const PAUSE = 20;
const quiet = new AbortController();
const signal = lifeOfParent((line) => {
  if (line === 'quiet') quiet.abort();
});
const store = createPostgresStore({
  url: textIn(config, 'url'),
  categories: { Account: accountEvents },
  migrate: 'never',
  connectTimeout: 2_000,
});
const engine = createProjectionEngine(store, [balances], { leaseDuration: 1_000, backoff: 5 });
const health = createHealth({ store, engine, timeout: 1_000 });
let isFailing = false;

async function appendSurely(from: Random): Promise<void> {
  const streamName = `Account-${from.int(1, 50)}` as const;
  const note = 'x'.repeat(from.int(1, 200));
  const event = { ...accountEvents.Paid({ amount: from.int(1, 1_000), note }), id: from.uuid() };
  while (!signal.aborted) {
    try {
      const { streamVersion, globalPosition } = await store.append(streamName, [event]);
      ledger.write({ id: event.id, streamName, streamVersion, position: globalPosition });
      if (isFailing) say('working');
      isFailing = false;
      return;
    } catch {
      // Whatever it was: the same event with the same id, until there is an answer.
      if (!isFailing) say('failing');
      isFailing = true;
      await pause(PAUSE, signal);
    }
  }
}

async function write(name: string): Promise<void> {
  const own = random.derive(name);
  while (!signal.aborted && !quiet.signal.aborted) {
    await appendSurely(own);
    await pause(own.int(0, 5), quiet.signal);
  }
}

async function watch(): Promise<void> {
  let last = '';
  while (!signal.aborted) {
    const { body } = await health.details();
    if (body.status !== last) say(`health ${body.status}`);
    last = body.status;
    await pause(PAUSE, signal);
  }
}

async function project(): Promise<void> {
  while (!signal.aborted) {
    try {
      await engine.start();
      return;
    } catch (error) {
      process.stderr.write(`could not start: ${String(error)}\n`);
      await pause(100, signal);
    }
  }
}

const writing = Array.from({ length: numberIn(config, 'writers') }, (_, index) => write(`writer-${index}`));
const others = [watch(), project()];
await Promise.all(writing);
say('quiet');
await Promise.all(others);
await engine.close();
await store.close();
process.exit(0);
