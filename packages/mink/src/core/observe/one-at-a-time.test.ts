import { expect, test } from 'vitest';
import { oneAtATime } from './one-at-a-time.ts';

test('a look that hangs is not begun again, until it is lost; what ends is', async () => {
  let time = 0;
  const begun: ((answer: number) => void)[] = [];
  const look = oneAtATime(() => new Promise<number>((resolve) => begun.push(resolve)), {
    timeout: 10,
    now: () => time,
  });
  for (let n = 0; n < 3; n += 1) await expect(look()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  expect(begun).toHaveLength(1);
  time = 30_001;
  const second = look();
  // It comes too late: somebody else is at it.
  begun[0]?.(1);
  begun[1]?.(2);
  expect(await second).toBe(2);
  const third = look();
  begun[2]?.(3);
  expect(await third).toBe(3);
});
