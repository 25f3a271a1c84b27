import {
  InvalidArgumentError,
  type EventStorage,
  type InlineChange,
  type InlineSet,
  type InlineStorage,
  type Lease,
  type OpenTransaction,
  type ProjectionId,
  type ProjectionStorage,
  type StorageCallOptions,
} from '../core/index.ts';
import type { Database, Row, Statement } from './connection.ts';
import { holdLimitsQuery } from './queries/hold-limits.ts';
import {
  inlineStartQuery,
  lockEventsScript,
  makeAsyncQuery,
  makeInlineQuery,
  readInlineSetQuery,
  settleInlineQuery,
  switchInlineQuery,
  toInlineSet,
} from './queries/inline-projections.ts';
import { toLease } from './queries/projection-leases.ts';
import type { SchemaName } from './schema-name.ts';

type Run = (statement: Statement) => Promise<readonly Row[]>;

/** What the active set is kept with. */
export interface InlineSetSettings {
  readonly database: Database;
  readonly schema: SchemaName;
  /** Runs a statement, in a transaction of the caller's if one is given. */
  readonly run: (statement: Statement, tx?: OpenTransaction) => Promise<readonly Row[]>;
  readonly inTransaction: <T>(work: (tx: OpenTransaction) => Promise<T>) => Promise<T>;
  /** The log and the read models, as a transaction sees and changes them. */
  readonly within: (tx: OpenTransaction) => {
    readonly storage: Pick<EventStorage, 'readLogPage'>;
    readonly readModels: ProjectionStorage;
  };
}

/** Milliseconds that a change waits for appends in flight. Those that come meanwhile wait behind it. */
const LOCK_TIMEOUT = 2_000;

/** The active inline projections, in the database. */
export class PostgresInlineSet implements InlineStorage {
  readonly #settings: InlineSetSettings;

  constructor(settings: InlineSetSettings) {
    this.#settings = settings;
  }

  async readInlineSet({ tx }: StorageCallOptions = {}): Promise<InlineSet> {
    const { run, schema } = this.#settings;
    const [row = []] = await run(readInlineSetQuery(schema), tx);
    return toInlineSet(row);
  }

  async switchInline({ add, remove, applyRest }: InlineChange): Promise<void> {
    const { database, schema, run, inTransaction, within } = this.#settings;
    await inTransaction(async (tx) => {
      const runHere: Run = (statement) => run(statement, tx);
      await runHere(holdLimitsQuery({ lock: LOCK_TIMEOUT }));
      // From here on nobody appends, and nobody else changes the set.
      await database.within(tx).runScript(lockEventsScript(schema));
      const { projections: active } = await this.readInlineSet({ tx });
      const kept = active.filter((it) => !isIn(remove, it));
      const added = add.filter((it) => !isIn(active, it));
      const removed = active.filter((it) => isIn(remove, it));
      if (added.length === 0 && removed.length === 0) return;
      for (const projection of added) {
        const { leases, upTo } = await takeOver(runHere, schema, projection);
        for (const lease of leases) await applyRest(lease, { upTo, ...within(tx) });
        await runHere(settleInlineQuery(schema, projection, upTo));
      }
      for (const projection of removed) await runHere(makeAsyncQuery(schema, projection));
      await runHere(switchInlineQuery(schema, [...kept, ...added]));
    });
  }
}

async function takeOver(
  run: Run,
  schema: SchemaName,
  projection: ProjectionId,
): Promise<{ readonly leases: readonly Lease[]; readonly upTo: number }> {
  const { name, version } = projection;
  const made = await run(makeInlineQuery(schema, projection));
  if (made.length === 0) {
    throw new InvalidArgumentError('projection', `"${name}" version ${version} was never started`);
  }
  const [start = []] = await run(inlineStartQuery(schema, projection));
  const [upTo, parkedKeys] = start.map(Number);
  if (parkedKeys !== 0) {
    throw new InvalidArgumentError(
      'projection',
      `"${name}" version ${version} has parked keys (${parkedKeys}), and an inline projection has none. Retry or discard its dead letters.`,
    );
  }
  return { leases: made.map(toLease), upTo: upTo ?? 0 };
}

function isIn(list: readonly ProjectionId[], { name, version }: ProjectionId): boolean {
  return list.some((it) => it.name === name && it.version === version);
}
