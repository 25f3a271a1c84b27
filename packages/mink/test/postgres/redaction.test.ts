import pino from 'pino';
import { expect, test } from 'vitest';
import {
  column,
  createProjectionEngine,
  defineEvents,
  defineSqlProjection,
  logObserver,
  payload,
} from '../../src/index.ts';
import { createPostgresStore } from '../../src/postgres/index.ts';
import { describePostgres } from '../support/databases.ts';

const events = defineEvents({ ItemAdded: payload<{ sku: string; as: 'number' | 'row' | 'sql' }>() });
const SECRET = 's3cret "x") s3cret';

describePostgres('what the server says of values', (databases) => {
  test('does not come into a log line', async () => {
    const lines: string[] = [];
    const logger = pino({ base: null }, { write: (line: string) => void lines.push(line) });
    const url = await databases.create();
    const categories = { Cart: events };
    await using store = createPostgresStore({ url, categories, observer: logObserver(logger) });
    const projection = defineSqlProjection({
      name: 'lines',
      events: categories,
      tables: { lines: { columns: { sku: column.text() }, key: ['sku'] } },
      apply: async (batch, tx) => {
        for (const { data } of batch) {
          if (data.as === 'number') await tx.query('select $1::text::int', [data.sku]);
          if (data.as === 'sql') await tx.query(`select 1 "${data.sku}`);
          await tx.query(`insert into ${tx.tables.lines} (sku) values ($1), ($1)`, [data.sku]);
        }
      },
    });
    for (const as of ['number', 'row', 'sql'] as const) {
      await store.append(`Cart-${as}`, [events.ItemAdded({ sku: SECRET, as })]);
    }
    await using engine = createProjectionEngine(store, [projection], { tries: 1, backoff: 1 });
    await engine.start();
    // Two park their keys, and what is no SQL faults the projection.
    const failed = () => lines.filter((line) => line.includes('"level":50'));
    await expect.poll(failed, { timeout: 20_000 }).toHaveLength(3);
    expect(failed().join('')).toContain('invalid input syntax for type integer');
    expect(failed().join('')).toContain('duplicate key value violates unique constraint');
    expect(failed().join('')).toContain('syntax error at or near');
    expect(lines.filter((line) => line.includes('s3cret'))).toEqual([]);
  });
});
