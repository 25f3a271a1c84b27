import { expect, test } from 'vitest';
import { accountEvents } from './support/account.ts';
import { openPage } from './support/chromium.ts';
import { serveConsole, TOKENS } from './support/serve-console.ts';
import { row, showing, signIn, useVisits } from './support/visits.ts';

const visits = useVisits();
const { Deposited } = accountEvents;

test('the overview follows what happens', async () => {
  const { page } = await visits.visit('viewer');
  const position = page.getByRole('region', { name: 'Feed' }).locator('dd').first();
  const before = Number((await position.innerText()).replaceAll(',', ''));
  await visits.stage.store.append('Account-live', [Deposited({ cents: 1 })]);
  await expect.poll(async () => Number((await position.innerText()).replaceAll(',', ''))).toBeGreaterThan(before);
});

test('the tail shows events as they come, of the filter only, and stands still when it is paused', async () => {
  const { page } = await visits.visit('viewer', 'events?categories=Account');
  await showing(page.locator('.tail-state'), /Following the log/u);
  await visits.stage.store.append('Account-tail', [Deposited({ cents: 1 })]);
  await row(page, 'Account-tail').waitFor();
  await page.getByRole('button', { name: 'Pause' }).click();
  await showing(page.locator('.tail-state'), /Standing still/u);
  await visits.stage.store.append('Account-tail-2', [Deposited({ cents: 1 })]);
  await visits.stage.engine.catchUp();
  expect(await row(page, 'Account-tail-2').count()).toBe(0);
  await page.getByRole('button', { name: 'Follow' }).click();
  await row(page, 'Account-tail-2').waitFor();
});

test('the tail keeps up with a log that grows fast, and the page stays usable', async () => {
  const { page } = await visits.visit('viewer', 'events');
  await showing(page.locator('.tail-state'), /Following the log/u);
  for (let batch = 0; batch < 40; batch += 1) {
    const events = Array.from({ length: 250 }, () => Deposited({ cents: batch }));
    await visits.stage.store.append(`Account-load-${batch}`, events);
  }
  await visits.stage.store.append('Account-load-end', [Deposited({ cents: 0 })]);
  await row(page, 'Account-load-end').waitFor();
  expect(await row(page, /./u).count()).toBeLessThanOrEqual(350);
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keys' }).waitFor();
});

test('a search is made when typing pauses, however often events draw the page anew', async () => {
  const { page } = await visits.visit('viewer', 'events');
  await showing(page.locator('.tail-state'), /Following the log/u);
  const growing = { isOver: false };
  const grow = async (): Promise<void> => {
    for (let n = 0; !growing.isOver; n += 1) {
      await visits.stage.store.append(`Account-typed-${n}`, [Deposited({ cents: 1 })]);
    }
  };
  const grown = grow();
  try {
    await row(page, 'Account-typed-').first().waitFor();
    // About as slow as the pause of a search: what comes back of one meets the next letter.
    await page.getByLabel('Types').pressSequentially('AccountOpened', { delay: 255 });
    await expect.poll(() => page.url()).toContain('types=AccountOpened');
    expect(await page.getByLabel('Types').inputValue()).toBe('AccountOpened');
    await expect.poll(() => row(page, 'Account-typed-').count()).toBe(0);
  } finally {
    growing.isOver = true;
    await grown;
  }
});

test('a page says that it is not live when the console is gone, and goes on when it is back', async () => {
  const served = await serveConsole(visits.stage.options);
  const { page } = await openPage(visits.browser);
  await page.goto(`${served.url}projections`);
  await signIn(page, TOKENS.viewer);
  const live = page.locator('.live');
  await showing(live, 'live');
  await row(page, 'order-list').waitFor();
  await served.close();
  await showing(live, 'not live');
  await showing(page.locator('main'), /What you see is from[\s\S]*order-list/u);
  const again = await serveConsole(visits.stage.options, Number(new URL(served.url).port));
  try {
    // Who was signed in is forgotten with the process: the page asks again, and goes on where it was.
    await page.getByLabel('Token').waitFor({ timeout: 40_000 });
    await signIn(page, TOKENS.viewer);
    await showing(live, 'live');
    await showing(page.locator('h1'), 'Projections');
  } finally {
    await again.close();
  }
});
