import { expect, test } from 'vitest';
import { shared } from './shared-looks.ts';

test('whoever asks while one looks shares the next look, and nobody gets an older one', async () => {
  const looks: { readonly end: (value: number) => void; readonly fail: (error: Error) => void }[] = [];
  const ask = shared(() => new Promise<number>((end, fail) => void looks.push({ end, fail })));
  const first = ask();
  await expect.poll(() => looks.length).toBe(1);
  const others = [ask(), ask(), ask()];
  looks[0]?.end(1);
  expect(await first).toBe(1);
  await expect.poll(() => looks.length).toBe(2);
  const late = ask();
  looks[1]?.fail(new Error('gone'));
  await Promise.all(others.map((other) => expect(other).rejects.toThrow('gone')));
  await expect.poll(() => looks.length).toBe(3);
  looks[2]?.end(3);
  expect(await late).toBe(3);
});
