import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { collectIncident } from 'mink';
import type { Page } from 'playwright-core';
import { test } from 'vitest';
import { account, accountEvents } from '../support/account.ts';
import { allPages } from '../support/all-pages.ts';
import { showing, useVisits } from '../support/visits.ts';

const folder = fileURLToPath(new URL('../../../../../docs/images/', import.meta.url));
const visits = useVisits();

/** Seconds of work that the charts of the overview show. */
const SECONDS = 120;

/** Writes a picture of every page into docs/images. */
test('takes the pictures of the documentation', async () => {
  await mkdir(folder, { recursive: true });
  const { page } = await visits.visit('operator');
  await work();
  await showing(page.locator('main'), /Readable up to/u);
  await picture(page, 'overview');
  await page.getByRole('button', { name: 'Dark theme' }).click();
  await delay(500);
  await picture(page, 'overview-dark');
  await page.getByRole('button', { name: 'Light theme' }).click();

  await page.goto(`${visits.stage.url}projections/balances/2`);
  for (const action of ['Build', 'Compare']) await act(page, action);
  await page
    .getByRole('article', { name: /^compare/u })
    .getByRole('button', { name: /^Reveal/u })
    .click();
  await page.getByRole('article', { name: /^compare/u }).scrollIntoViewIfNeeded();
  await picture(page, 'comparison');

  for (const { name, path, sees } of allPages(visits.stage).slice(1)) {
    await page.goto(visits.stage.url + path);
    await showing(page.locator('main'), sees);
    if (name === 'time-travel') {
      await page.getByRole('button', { name: 'Reveal values (audited)' }).click();
      await showing(page.getByLabel('State', { exact: true }), /entries: 4000/u);
    }
    if (name === 'incident') await openIncident(page);
    await picture(page, name);
  }
});

async function act(page: Page, action: string): Promise<void> {
  await page.getByRole('button', { name: action, exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: action, exact: true }).click();
  await showing(page.getByRole('article', { name: new RegExp(`^${action.toLowerCase()}`, 'u') }), /done/u);
}

async function openIncident(page: Page): Promise<void> {
  const { store, options } = visits.stage;
  const of = { streamName: 'Account-broken-1' };
  const { incident } = await collectIncident(store, of, { folds: [account], projections: options.projections });
  const buffer = Buffer.from(JSON.stringify(incident));
  await page
    .getByLabel('Open a bundle')
    .setInputFiles({ name: 'Account-broken-1@4.incident.json', mimeType: 'application/json', buffer });
  await showing(page.locator('main'), /Account-broken-1@4/u);
}

/** Appends more and less, so that charts have something to show. */
async function work(): Promise<void> {
  const { Deposited } = accountEvents;
  const end = Date.now() + SECONDS * 1_000;
  for (let beat = 0; Date.now() < end; beat += 1) {
    const size = Math.max(1, Math.round(30 + 25 * Math.sin(beat / 60) + 10 * Math.sin(beat / 7)));
    await visits.stage.store.append(
      `Account-${beat % 500}`,
      Array.from({ length: size }, () => Deposited({ cents: beat })),
    );
    await delay(100);
  }
}

async function picture(page: Page, name: string): Promise<void> {
  // Until fonts and charts are drawn.
  await delay(1_000);
  await page.screenshot({ path: join(folder, `console-${name}.png`) });
}
