import { expect, test } from 'vitest';
import { oneAtATime } from './one-at-a-time.ts';

/** Looks that end when the test says so, and a clock that it sets. */
function scene() {
  const at = { time: 0 };
  const begun: ((answer: number) => void)[] = [];
  const look = oneAtATime(() => new Promise<number>((resolve) => begun.push(resolve)), {
    timeout: 10,
    now: () => at.time,
  });
  return { at, begun, look };
}

const late = { code: 'DATABASE_UNAVAILABLE' };

test('all who ask wait for the look that is under way, and what ends is begun anew', async () => {
  const { begun, look } = scene();
  const asked = [look(), look()];
  begun[0]?.(1);
  expect(await Promise.all(asked)).toEqual([1, 1]);
  const next = look();
  begun[1]?.(2);
  expect(await next).toBe(2);
});

test('a look that hangs keeps nobody from the next one, and its late end changes nothing', async () => {
  const { begun, look } = scene();
  await expect(look()).rejects.toMatchObject(late);
  const second = look();
  begun[0]?.(1);
  const third = look();
  begun[1]?.(2);
  expect(await Promise.all([second, third])).toEqual([2, 2]);
  expect(begun).toHaveLength(2);
});

test('two hang at most, until they are lost; then one more in each half a minute', async () => {
  const { at, begun, look } = scene();
  for (let n = 0; n < 4; n += 1) await expect(look()).rejects.toMatchObject(late);
  expect(begun).toHaveLength(2);
  at.time = 30_001;
  for (let n = 0; n < 2; n += 1) await expect(look()).rejects.toMatchObject(late);
  expect(begun).toHaveLength(3);
  // The last one that was begun is waited for.
  const found = look();
  begun[2]?.(3);
  expect(await found).toBe(3);
});
