import { deepStrictEqual, rejects, strictEqual } from 'node:assert';
import { describe, test } from 'vitest';
import { LookUps } from './look-ups.ts';

/** A table that answers when it is told to, and what it was asked for. */
function table() {
  const asked: (readonly string[])[] = [];
  const answers: ((error?: Error) => void)[] = [];
  const lookUps = new LookUps<string>(
    (keys) =>
      new Promise((resolve, reject) => {
        asked.push(keys);
        answers.push((error) => {
          if (error === undefined)
            resolve(new Map(keys.filter((key) => key !== 'no').map((key) => [key, `of ${key}`])));
          else reject(error);
        });
      }),
  );
  return { asked, answers, lookUps };
}

const turn = (): Promise<void> => new Promise(setImmediate);

describe('look-ups', () => {
  test('what is asked for together goes out together, a key once', async () => {
    const { asked, answers, lookUps } = table();
    const found = Promise.all(['a', 'no', 'a'].map((key) => lookUps.find(key)));
    await turn();
    deepStrictEqual(asked, [['a', 'no']]);
    answers[0]?.();
    deepStrictEqual(await found, ['of a', undefined, 'of a']);
  });

  test('what is asked for while two are under way waits for one of them, and never for an older answer', async () => {
    const { asked, answers, lookUps } = table();
    const found = [];
    for (const key of ['a', 'b', 'a', 'c']) {
      found.push(lookUps.find(key));
      await turn();
    }
    deepStrictEqual(asked, [['a'], ['b']]);
    answers[1]?.();
    await turn();
    deepStrictEqual(asked, [['a'], ['b'], ['a', 'c']]);
    answers[0]?.();
    answers[2]?.();
    deepStrictEqual(await Promise.all(found), ['of a', 'of b', 'of a', 'of c']);
  });

  test('an error is told to those of its statement, and to nobody else', async () => {
    const { answers, lookUps } = table();
    const lost = lookUps.find('a');
    await turn();
    const other = lookUps.find('a');
    await turn();
    answers[0]?.(new Error('lost'));
    answers[1]?.();
    await rejects(lost, /lost/u);
    strictEqual(await other, 'of a');
  });
});
