import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { missingBrowser, needBrowser, openPage, startBrowser, type WatchedPage } from './chromium.ts';
import { TOKENS } from './serve-console.ts';
import { openStage, type Stage, type StageOptions } from './stage.ts';

/** A stage and a browser for the tests of a file, and how to look at the one with the other. */
export interface Visits {
  readonly stage: Stage;
  readonly browser: Browser;
  /** Signs in, in a context of its own, and opens a place of the console. */
  visit(role: keyof typeof TOKENS, path?: string, options?: BrowserContextOptions): Promise<WatchedPage>;
}

/** Opens both once for all tests of a file; tests are skipped where there is no browser. */
export function useVisits(options: StageOptions = {}): Visits {
  const open: { stage?: Stage; browser?: Browser } = {};
  beforeAll(async () => {
    if (missingBrowser !== undefined) return;
    [open.stage, open.browser] = await Promise.all([openStage(options), startBrowser()]);
  }, 240_000);
  beforeEach((context) => needBrowser(context));
  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail' && open.browser !== undefined) console.error(await whatPagesShow(open.browser));
  });
  afterAll(async () => {
    await open.browser?.close();
    await open.stage?.[Symbol.asyncDispose]();
  });
  const needed = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('There is no stage before the tests begin.');
    return value;
  };
  return {
    get stage() {
      return needed(open.stage);
    },
    get browser() {
      return needed(open.browser);
    },
    async visit(role, path = '', contextOptions = {}) {
      const watched = await openPage(needed(open.browser), contextOptions);
      const { page } = watched;
      await page.goto(needed(open.stage).url + path);
      await signIn(page, TOKENS[role]);
      await page.locator('.shell').waitFor();
      return watched;
    },
  };
}

/** For whoever looks for the reason why a test has failed: that a page says nothing may be the reason. */
async function whatPagesShow(browser: Browser): Promise<string> {
  const pages = browser.contexts().flatMap((context) => context.pages());
  const texts = pages.map(async (page) => {
    const text = page.locator('body').innerText({ timeout: 2_000 });
    return `${page.url()}: ${await text.catch(String)}`;
  });
  return (await Promise.all(texts)).join('\n');
}

export async function signIn(page: Page, token: string): Promise<void> {
  await page.getByLabel('Token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Waits until the text of a part of the page is as wanted. */
export async function showing(part: Locator, wanted: RegExp | string): Promise<void> {
  await expect.poll(async () => ((await part.count()) === 0 ? '' : part.first().innerText())).toMatch(wanted);
}

/** The row of a table, an event or a finding that holds a text. */
export const row = (page: Page, text: string | RegExp): Locator => page.locator('[data-row]').filter({ hasText: text });
