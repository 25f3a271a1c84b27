import { expect, test } from 'vitest';
import type { ProcessReport } from '../operations/process-report.ts';
import type { DatabaseFacts, TableFacts } from './database-facts.ts';
import type { Evidence } from './evidence.ts';
import type { Verdict } from './finding.ts';
import { PERFORMANCE_CHECKS } from './performance-checks.ts';

const limits = { backupAge: 1, askedAge: 1, verifiedAge: 1, snapshotLag: 1, heldAge: 1, slowStatement: 100 };
const table: TableFacts = {
  name: 'mink_read.carts_v1',
  rows: 50_000,
  deadRows: 0,
  scannedRows: 0,
  scans: 0,
  bytes: 1_000_000,
  isVacuumed: true,
};

function judge(
  id: string,
  store: Partial<NonNullable<DatabaseFacts['store']>>,
  processes: readonly object[] = [],
): Verdict {
  const facts: DatabaseFacts = {
    serverVersion: 150_018,
    isReplica: false,
    role: { name: 'app', isSuperuser: false, isOwner: false, missing: [] },
    schema: { name: 'mink', databaseVersion: 8, codeVersion: 8 },
    settings: {},
    pooler: 'none',
    store: {
      brokenIndexes: [],
      guardsOff: [],
      tables: [table],
      unusedIndexes: [],
      statements: [],
      lastBackup: undefined,
      head: 1,
      now: 1,
      ...store,
    },
  };
  const missing = { error: new Error('not looked at') };
  const evidence: Evidence = {
    facts: { value: facts },
    feed: missing,
    processes: { value: processes.map(reportOf) },
    stored: missing,
    statuses: missing,
    shapes: missing,
    longStreams: missing,
    monitoring: missing,
    now: 1,
  };
  const check = PERFORMANCE_CHECKS.find((it) => it.id === id);
  if (check === undefined) throw new Error(`no check ${id}`);
  return check.examine(evidence, limits);
}

function reportOf(vitals: object): ProcessReport {
  const none = {
    appendsPerSecond: 0,
    eventsPerSecond: 0,
    commandsPerSecond: 0,
    commandErrorsPerSecond: 0,
    commands: [],
  };
  return {
    id: 'a',
    name: 'orders',
    host: 'h',
    pid: 1,
    nodeVersion: 'v20',
    minkVersion: '0',
    startedAt: new Date(0),
    reportedAt: new Date(0),
    isSilent: false,
    configuration: [{ name: 'pool.maxConnections', value: 10, source: 'default' }],
    asked: {},
    categories: [],
    projections: [],
    vitals: { seconds: 10, eventLoopDelay: 0, ...none, ...vitals },
  };
}

test.each([
  ['slow-statements', { statements: undefined }, 'unknown'],
  ['slow-statements', { statements: [{ text: 'select 1', calls: 9, mean: 100, total: 900 }] }, 'ok'],
  ['slow-statements', { statements: [{ text: 'select 2', calls: 9, mean: 101, total: 909 }] }, 'warning'],
  ['unused-indexes', { unusedIndexes: [{ name: 'i', table: 't', bytes: 10_000_000 }] }, 'ok'],
  ['unused-indexes', { unusedIndexes: [{ name: 'i', table: 't', bytes: 10_000_001 }] }, 'warning'],
  ['missing-indexes', { tables: [{ ...table, scans: 10, scannedRows: 500_000 }] }, 'ok'],
  ['missing-indexes', { tables: [{ ...table, scans: 11, scannedRows: 550_000 }] }, 'warning'],
  ['missing-indexes', { tables: [{ ...table, scans: 1_000, scannedRows: 10_000 }] }, 'ok'],
  ['bloat', { tables: [{ ...table, deadRows: 10_000 }] }, 'ok'],
  ['bloat', { tables: [{ ...table, deadRows: 10_001 }] }, 'failed'],
] as const)('%s of %j is %s', (id, store, status) => {
  expect(judge(id, store).status).toBe(status);
});

test('a process that waits for connections, or whose event loop is late, is named', () => {
  expect(judge('pool-wait', {}).status).toBe('unknown');
  expect(judge('pool-wait', {}, [{}]).status).toBe('unknown');
  expect(judge('pool-wait', {}, [{ pool: { wait: 0.001, waiting: 0 } }]).status).toBe('ok');
  expect(judge('pool-wait', {}, [{ pool: { wait: 0.02, waiting: 0 } }])).toMatchObject({
    status: 'warning',
    seen: 'orders waits 20.0 ms for a connection, 0 wait now.',
  });
  expect(judge('pool-wait', {}, [{ pool: { wait: 0, waiting: 3, busy: 10 } }])).toMatchObject({
    status: 'warning',
    seen: 'orders waits 0.0 ms for a connection, 3 wait now.',
  });
  // It has only just asked, and others are free.
  expect(judge('pool-wait', {}, [{ pool: { wait: 0, waiting: 1, busy: 0 } }]).status).toBe('ok');
  expect(judge('pool-wait', {}, [{ pool: { wait: 0, waiting: 1, busy: 9 } }]).status).toBe('ok');
  expect(judge('event-loop', {}, [{ eventLoopDelay: 0.01 }]).status).toBe('ok');
  expect(judge('event-loop', {}, [{ eventLoopDelay: 0.2 }])).toMatchObject({ seen: 'orders is 200.0 ms late.' });
});

test('advises an index for tables of read models only', () => {
  const scanned = { ...table, scans: 11, scannedRows: 550_000 };
  const mend = (...names: readonly string[]) =>
    judge('missing-indexes', { tables: names.map((name) => ({ ...scanned, name })) });
  expect(mend('mink.streams')).toMatchObject({ mend: expect.stringContaining('look who does') });
  expect(mend('mink.streams', 'mink_read.carts_v1')).toMatchObject({ mend: expect.stringContaining('add an index') });
});
