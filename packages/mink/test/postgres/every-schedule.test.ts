import { deepStrictEqual, strictEqual } from 'node:assert';
import { randomUUID } from 'node:crypto';
import { test } from 'vitest';
import type { Client } from 'pg';
import { appendFunctions } from '../support/append-functions.ts';
import { checkPlayed } from '../support/check-played.ts';
import { describePostgres, lastServer } from '../support/databases.ts';
import type { FloorMoment, Gate } from '../support/gates.ts';
import { boundReader, countLosingReads, naiveReader, xminReader } from '../support/schedule-readers.ts';
import { everyEnding, everyOrder } from '../support/schedules.ts';
import { openStage } from '../support/stage.ts';

// A writer's steps: to the first of its closed gates, from each to the next, back from the function, and to its end.
// What is inserted is seen by nobody before it is committed, so holding a writer there only repeats schedules. The functions
// take the same steps (see schedules.test.ts); one of them is also held before it looks at the sequence.
const fine = {
  closed: ['read', 'announce', 'draw'],
  losing: { schedules: 504, naive: 35, xmin: 15, floorsBeforeHead: 378, pageBeforeFloors: 378 },
} as const;
const coarse = {
  closed: ['announce', 'draw'],
  losing: { schedules: 140, naive: 10, xmin: 4, floorsBeforeHead: 105, pageBeforeFloors: 105 },
} as const;

// On a busy machine.
const timeout = 180_000;

/** Writers that do it wrong, and their steps. */
const broken: readonly { readonly floor: FloorMoment; readonly closed: readonly Gate[] }[] = [
  { floor: 'after drawing', closed: ['draw', 'announce'] },
  { floor: 'never', closed: ['read', 'draw'] },
];

for (const fn of appendFunctions) {
  const { closed, losing: expected } = fn.name === 'append_one_v1' ? fine : coarse;
  // The same on every server, and long.
  describePostgres(
    `every schedule of two writers by ${fn.name}`,
    (databases) => {
      test(
        'a reader that follows the bound reads each committed event once; broken readers lose some',
        { timeout },
        async () => {
          await using stage = await openStage(await databases.create(), fn.append, { writers: 2, closed });
          const versions = new Map<string, number>();
          const losing = { schedules: 0, naive: 0, xmin: 0, floorsBeforeHead: 0, pageBeforeFloors: 0 };
          for (const turns of everyOrder(closed.length + 2)) {
            for (const ends of everyEnding) {
              losing.schedules += 1;
              // Some streams are new, most are not.
              const plans = ends.map((end, writer) => ({
                streamName: `${'AB'[writer]}-${losing.schedules % 90}`,
                end,
              }));
              const played = await stage.play(plans, turns);
              const committed = checkPlayed(played, plans, versions, `${ends.join(' and ')}, turns ${turns.join('')}`);
              strictEqual(played.waits, 0);
              if (naiveReader(played).length < committed) losing.naive += 1;
              if (xminReader(played).length < committed) losing.xmin += 1;
              if (countLosingReads(played, ['floor', 'head', 'page']) > 0) losing.floorsBeforeHead += 1;
              if (countLosingReads(played, ['head', 'page', 'floor']) > 0) losing.pageBeforeFloors += 1;
            }
          }
          deepStrictEqual(losing, expected);
        },
      );

      const { appendBatch } = fn;
      if (appendBatch !== undefined) {
        test('batches whose positions lie between each other lose nothing', { timeout }, async () => {
          const closed = ['announce', 'draw', 'draw next'] as const;
          await using stage = await openStage(await databases.create(), fn.append, { writers: 2, closed });
          const versions = new Map<string, number>();
          let mixed = 0;
          for (const turns of everyOrder(closed.length + 2)) {
            const plans = ['A-1', 'B-1'].map((streamName) => ({
              streamName,
              call: (client: Client) => appendBatch(client, streamName, [randomUUID(), randomUUID()]),
              events: 2,
              end: 'commit' as const,
            }));
            const played = await stage.play(plans, turns);
            checkPlayed(played, plans, versions, `turns ${turns.join('')}`);
            const [first, second] = played.observations.at(-1)?.visible ?? [];
            if (first?.streamName !== second?.streamName) mixed += 1;
          }
          strictEqual(mixed, 60);
        });
      }

      for (const { floor, closed } of broken) {
        test(`control: the reader of the bound loses events of writers that announce their floor ${floor}`, async () => {
          const url = await databases.create();
          await using stage = await openStage(url, fn.append, { writers: 2, closed, floor });
          const orders = everyOrder(closed.length + 2);
          let losing = 0;
          for (const turns of orders) {
            const plans = ['A-1', 'B-1'].map((streamName) => ({ streamName, end: 'commit' as const }));
            if (boundReader(await stage.play(plans, turns)).length < 2) losing += 1;
          }
          strictEqual(losing, orders.length, 'who looks between a draw and its commit loses it, in every schedule');
        });
      }
    },
    lastServer(),
  );
}
