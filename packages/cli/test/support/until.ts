import { setTimeout as delay } from 'node:timers/promises';

/** Resolves as soon as the condition holds; fails after 20 seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited 20 seconds in vain until ${what}.`);
    await delay(10);
  }
}
