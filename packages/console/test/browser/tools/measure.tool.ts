import { createProjectionEngine } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import type { Page } from 'playwright-core';
import { test } from 'vitest';
import { account, accountEvents, balances } from '../support/account.ts';
import { openPage, startBrowser } from '../support/chromium.ts';
import { createDatabase } from '../../../../mink/test/support/databases.ts';
import { serveConsole, TOKENS } from '../support/serve-console.ts';
import { row, showing, signIn } from '../support/visits.ts';

/** `MINK_EVENTS=10000000 npm run console:measure` takes ten million. */
const EVENTS = Number(process.env['MINK_EVENTS'] ?? 1_000_000);
const STREAMS = EVENTS / 50;
const BATCH = 2_000;
const LONG = 'Account-long';
const ROUNDS = 10;

/** Prints how long pages and what is done in them take. */
test('measures the page', async () => {
  const store = createPostgresStore({ url: await createDatabase(), categories: { Account: accountEvents } });
  await fill(store);
  await using engine = createProjectionEngine(store, [balances]);
  await engine.start();
  await engine.catchUp(EVENTS, { timeout: 900_000 });
  const served = await serveConsole({ store, engine, projections: [balances], deciders: [account], isReadOnly: false });
  const browser = await startBrowser();
  const { page } = await openPage(browser);
  await page.goto(served.url);
  await signIn(page, TOKENS.operator);
  await page.locator('.shell').waitFor();
  const measured = [...(await loads(page, served.url)), ...(await interactions(page, served.url))];
  console.log(JSON.stringify({ events: EVENTS, rounds: ROUNDS, measured }));
  await browser.close();
  await served.close();
  await engine.close();
  await store.close();
});

interface Measured {
  readonly what: string;
  /** Milliseconds. */
  readonly p50: number;
  readonly worst: number;
}

async function measure(
  what: string,
  run: () => Promise<void>,
  before: () => Promise<unknown> = async () => undefined,
): Promise<Measured> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await before();
    const begun = performance.now();
    await run();
    times.push(Math.round(performance.now() - begun));
  }
  times.sort((left, right) => left - right);
  const measured = { what, p50: times[Math.floor(ROUNDS / 2)] ?? 0, worst: times.at(-1) ?? 0 };
  console.log(`${what.padEnd(44)} ${measured.p50} ms, at most ${measured.worst} ms`);
  return measured;
}

/** A page from its address until what it is about is seen. */
async function loads(page: Page, url: string): Promise<readonly Measured[]> {
  const views: readonly (readonly [string, string, () => Promise<void>])[] = [
    ['overview', '', () => showing(page.locator('main'), /Readable up to/u)],
    ['projections', 'projections', () => row(page, 'balances').waitFor()],
    ['a projection', 'projections/balances/1', () => showing(page.locator('main'), /Events behind/u)],
    ['streams, last written', 'streams', () => row(page, /./u).first().waitFor()],
    ['streams, longest', 'streams?order=longest', () => row(page, LONG).waitFor()],
    ['stream of 10,000 events', `streams/${LONG}`, () => row(page, /./u).first().waitFor()],
    [
      'time travel in the middle of it',
      `streams/${LONG}?view=states&at=5000`,
      () => showing(page.locator('main'), /State after it/u),
    ],
    ['events, live', 'events', () => row(page, /./u).first().waitFor()],
    ['why an event happened', `events/${EVENTS / 2}`, () => showing(page.locator('main'), /Handled by/u)],
  ];
  const measured: Measured[] = [];
  for (const [what, path, seen] of views) {
    measured.push(
      await measure(`load ${what}`, async () => {
        await page.goto(url + path);
        await seen();
      }),
    );
  }
  return measured;
}

/** What is done in a page, until the answer is seen. */
async function interactions(page: Page, url: string): Promise<readonly Measured[]> {
  const measured: Measured[] = [];
  await page.goto(`${url}projections`);
  await row(page, 'balances').waitFor();
  const goTo = async (key: string, title: string): Promise<void> => {
    await page.keyboard.press('g');
    await page.keyboard.press(key);
    await page.getByRole('heading', { name: title, level: 1 }).waitFor();
  };
  measured.push(
    await measure(
      'go to streams by keys',
      () => goTo('s', 'Streams'),
      () => goTo('p', 'Projections'),
    ),
  );
  await page.goto(`${url}streams`);
  const search = page.getByLabel('Name', { exact: true });
  measured.push(
    await measure(
      `search among ${STREAMS.toLocaleString('en')} streams (250 ms of them pause)`,
      async () => {
        await search.fill('Account-7777');
        await row(page, 'Account-7777').first().waitFor();
      },
      async () => {
        await search.fill('');
        await row(page, 'Account-7777').first().waitFor({ state: 'detached' });
      },
    ),
  );
  await page.goto(`${url}streams/${LONG}?view=states`);
  const slider = page.getByRole('slider');
  await slider.waitFor();
  let at = 100;
  const moveTo = async (version: number): Promise<void> => {
    await slider.fill(String(version));
    await page.getByRole('group', { name: `State at version ${version}`, exact: true }).waitFor();
  };
  measured.push(
    await measure('jump by slider to where nobody was', () => {
      at = (at + 3_917) % 10_000;
      return moveTo(at);
    }),
    await measure('step to the next event', () => {
      at += 1;
      return moveTo(at);
    }),
  );
  return measured;
}

async function fill(store: { appendMany: (entries: readonly Entry[]) => Promise<unknown> }): Promise<void> {
  const begun = performance.now();
  const { Deposited, Withdrawn } = accountEvents;
  for (let from = 0; from < EVENTS - 10_000; from += BATCH) {
    const streams = new Map<number, Entry['events'][number][]>();
    for (let index = from; index < from + BATCH; index += 1) {
      // Neighbours in the log are of one stream now and then, as in life.
      const stream = Math.floor(index / 4) % STREAMS;
      const events = streams.get(stream) ?? [];
      events.push(index % 3 === 0 ? Withdrawn({ cents: index }) : Deposited({ cents: index }));
      streams.set(stream, events);
    }
    await store.appendMany([...streams].map(([stream, events]) => ({ streamName: `Account-${stream}`, events })));
  }
  for (let from = 0; from < 10_000; from += BATCH) {
    await store.appendMany([
      { streamName: LONG, events: Array.from({ length: BATCH }, () => Deposited({ cents: from })) },
    ]);
  }
  console.log(`${EVENTS} events appended in ${Math.round((performance.now() - begun) / 1_000)} s`);
}

type DepositedEvent = ReturnType<(typeof accountEvents)['Deposited']> | ReturnType<(typeof accountEvents)['Withdrawn']>;

interface Entry {
  readonly streamName: `Account-${string}`;
  readonly events: readonly DepositedEvent[];
}
