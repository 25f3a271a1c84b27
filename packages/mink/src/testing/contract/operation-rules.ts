import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert';
import type { AuditEntry, EventStorage, OperationsStorage } from '../../core/index.ts';
import { counted, idOf, type CaseContext, type Rule } from './contract-case.ts';

const noon = Date.UTC(2026, 0, 1, 12);

function entry(n: number, change: Partial<AuditEntry> = {}): AuditEntry {
  return {
    kind: 'command',
    type: 'Confirm',
    id: `m-${n}`,
    at: new Date(noon + n),
    userId: 'ann',
    tenantId: undefined,
    correlationId: 'c-1',
    status: 'succeeded',
    errorCode: undefined,
    streamName: undefined,
    streamVersion: undefined,
    details: undefined,
    ...change,
  };
}

const anyLine = {
  kinds: undefined,
  type: undefined,
  userId: undefined,
  status: undefined,
  streamName: undefined,
  correlationId: undefined,
  before: undefined,
  limit: 100,
};

/** A storage need not have anything for operators; what it has must be right. */
function rule(name: string, check: (operations: OperationsStorage, context: CaseContext) => Promise<void>): Rule {
  return {
    name,
    check: async (context) => {
      const { operations }: EventStorage = context.storage;
      if (operations !== undefined) await check(operations, context);
    },
  };
}

/** What a storage does for whoever operates it. */
export const operationRules: readonly Rule[] = [
  rule('lines of the audit log come back as they were written, the newest first', async (operations) => {
    const all = [
      entry(1, { status: 'attempted' }),
      entry(2, { kind: 'query', userId: undefined, correlationId: undefined, tenantId: 't', errorCode: 'X' }),
      entry(3, {
        kind: 'action',
        details: { text: 'ü\u0000', list: [1, null] },
        streamName: 'Order-1',
        streamVersion: 7,
      }),
    ];
    for (const one of all) await operations.writeAudit(one);
    const listed = await operations.listAudit(anyLine);
    deepStrictEqual(
      listed.map(({ id: _id, messageId: id, ...line }) => ({ ...line, id })),
      all.toReversed().map(({ id, ...line }) => ({ ...line, id })),
    );
    const ids = listed.map(({ id }) => id);
    deepStrictEqual(
      ids,
      ids.toSorted((left, right) => right - left),
    );
    deepStrictEqual(
      (await operations.listAudit({ ...anyLine, before: ids[0], limit: 1 })).map(({ id }) => id),
      [ids[1]],
    );
  }),
  rule('lines are found by what they say', async (operations) => {
    await operations.writeAudit(entry(1));
    await operations.writeAudit(entry(2, { kind: 'view', type: 'ViewEvent', userId: 'bob', streamName: 'Order-1' }));
    await operations.writeAudit(entry(3, { kind: 'query', status: 'failed', correlationId: 'c-2' }));
    deepStrictEqual(await operations.listAudit(anyLine).then(idsOf), ['m-3', 'm-2', 'm-1']);
    deepStrictEqual(await operations.listAudit({ ...anyLine, kinds: ['view', 'query'] }).then(idsOf), ['m-3', 'm-2']);
    deepStrictEqual(await operations.listAudit({ ...anyLine, type: 'ViewEvent' }).then(idsOf), ['m-2']);
    deepStrictEqual(await operations.listAudit({ ...anyLine, userId: 'ann' }).then(idsOf), ['m-3', 'm-1']);
    deepStrictEqual(await operations.listAudit({ ...anyLine, status: 'failed' }).then(idsOf), ['m-3']);
    deepStrictEqual(await operations.listAudit({ ...anyLine, streamName: 'Order-1' }).then(idsOf), ['m-2']);
    deepStrictEqual(await operations.listAudit({ ...anyLine, correlationId: 'c-1' }).then(idsOf), ['m-2', 'm-1']);
    deepStrictEqual(await operations.listAudit({ ...anyLine, userId: 'ann', status: 'failed' }).then(idsOf), ['m-3']);
  }),
  rule('lines that are written at once are all kept', async (operations) => {
    await Promise.all(Array.from({ length: 100 }, (_, n) => operations.writeAudit(entry(n))));
    const listed = await operations.listAudit({ ...anyLine, limit: 200 });
    strictEqual(new Set(listed.map(({ id }) => id)).size, 100);
    strictEqual(new Set(listed.map(({ messageId }) => messageId)).size, 100);
  }),
  rule('lines from before a moment are counted and deleted, and no others', async (operations) => {
    for (const n of [1, 2, 3]) await operations.writeAudit(entry(n));
    const before = new Date(noon + 3);
    strictEqual(await operations.countAudit(before), 2);
    strictEqual(await operations.pruneAudit(before), 2);
    deepStrictEqual(await operations.listAudit(anyLine).then(idsOf), ['m-3']);
    strictEqual(await operations.pruneAudit(before), 0);
  }),
  rule('the last report of each process is kept, until it is deleted', async (operations) => {
    const report = { name: 'orders', startedAt: noon, interval: 10_000 };
    await operations.saveProcessReport({ ...report, id: idOf(1), report: { n: 1 } });
    await operations.saveProcessReport({ ...report, id: idOf(2), report: { n: 2 } });
    await operations.saveProcessReport({ ...report, id: idOf(1), report: { n: 3 } });
    const listed = await operations.listProcessReports();
    deepStrictEqual(
      listed
        .map(({ reportedAt: _at, age: _age, server: _server, ...rest }) => rest)
        .toSorted((l, r) => (l.id < r.id ? -1 : 1)),
      [
        { ...report, id: idOf(1), report: { n: 3 } },
        { ...report, id: idOf(2), report: { n: 2 } },
      ],
    );
    ok(listed.every(({ age, reportedAt }) => age >= 0 && Number.isSafeInteger(reportedAt)));
    await operations.deleteProcessReport(idOf(1));
    await operations.deleteProcessReport(idOf(9));
    deepStrictEqual(
      (await operations.listProcessReports()).map(({ id }) => id),
      [idOf(2)],
    );
  }),
  rule('categories are counted; the longest and the last streams come first', async (operations, { store }) => {
    deepStrictEqual(await operations.listCategories(), []);
    for (const [name, events] of [
      ['Order-1', 2],
      ['Cart-1', 5],
      ['Order-2', 3],
      ['Orders-1', 9],
      ['Cart-1', 1],
    ] as const) {
      await store.append(name, counted(events));
    }
    deepStrictEqual(
      (await operations.listCategories()).map(({ category, streams, events }) => [category, streams, events]),
      [
        ['Cart', 1, 6],
        ['Order', 2, 5],
        ['Orders', 1, 9],
      ],
    );
    const longest = { category: undefined, limit: 3 };
    deepStrictEqual(await operations.longestStreams(longest).then(namesOf), ['Orders-1', 'Cart-1', 'Order-2']);
    deepStrictEqual(await operations.longestStreams({ category: 'Order', limit: 3 }).then(namesOf), [
      'Order-2',
      'Order-1',
    ]);
    deepStrictEqual(await operations.recentStreams(longest).then(namesOf), ['Cart-1', 'Orders-1', 'Order-2']);
    deepStrictEqual(await operations.recentStreams({ category: 'Order', limit: 1 }).then(namesOf), ['Order-2']);
    deepStrictEqual(await operations.recentStreams(longest).then((all) => all[0]), await store.streamInfo('Cart-1'));
  }),
  rule('events of a correlation id are found, piece by piece', async (_operations, { store }) => {
    const append = (n: number, correlationId: string): Promise<unknown> =>
      store.append('Order-1', counted(1, n), {
        metadata: { correlationId, causationId: 'c "1"', note: 'null \u0000' },
      });
    for (const [index, id] of ['c "1"', 'c-2', 'c "1"', 'c "1"'].entries()) await append(index, id);
    const search = { correlationId: 'c "1"', after: 0 };
    const all = await store.operations.correlated(search);
    deepStrictEqual([all.events.map(({ globalPosition }) => globalPosition), all.isComplete], [[1, 3, 4], true]);
    const part = await store.operations.correlated({ ...search, limit: 2 });
    deepStrictEqual(part.isComplete, false);
    const rest = await store.operations.correlated({ ...search, after: part.searchedTo });
    deepStrictEqual([...part.events, ...rest.events], [...all.events]);
    const near = await store.operations.correlated({ ...search, range: 2 });
    deepStrictEqual([near.events.length, near.searchedTo, near.isComplete], [1, 2, false]);
    deepStrictEqual((await store.operations.correlated({ correlationId: 'c' })).events, []);
  }),
  rule('a closed storage has none of it', async (operations, { storage }) => {
    await storage.close();
    await rejects(operations.writeAudit(entry(1)), { code: 'STORE_CLOSED' });
    await rejects(operations.listProcessReports(), { code: 'STORE_CLOSED' });
    await rejects(operations.listCategories(), { code: 'STORE_CLOSED' });
  }),
];

function idsOf(lines: readonly { readonly messageId: string }[]): readonly string[] {
  return lines.map(({ messageId }) => messageId);
}

function namesOf(streams: readonly { readonly streamName: string }[]): readonly string[] {
  return streams.map(({ streamName }) => streamName);
}
