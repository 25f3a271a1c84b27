import { createDatabase, type ConnectionOptions, type Database, type Session } from '../connection.ts';
import { feedBoundQuery, toFeedBound } from '../queries/feed.ts';
import { checkMigrated, schemaStatus } from '../migrate.ts';
import { schemaName, type SchemaName } from '../schema-name.ts';
import { BEGIN_OWN } from '../transaction.ts';
import { firstRoot, nextRoot, packEntries, receiptText } from './seal-chain.ts';
import {
  addSealQuery,
  bareSealQuery,
  completeSealQuery,
  FLUSHED,
  hashedEventsQuery,
  lastSealQuery,
  sealQuery,
  storeIdQuery,
  toHashedEvent,
  toSeal,
} from './seal-queries.ts';

/** Options of {@link sealStore}. */
export interface SealStoreOptions extends ConnectionOptions {
  /** @defaultValue 'mink' */
  readonly schema?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Told of each seal. */
  readonly onProgress?: ((progress: { readonly position: number; readonly upTo: number }) => void) | undefined;
}

/** What a store is sealed as. */
export interface SealedStore {
  /** Events that were sealed now. */
  readonly events: number;
  /** The last event that is sealed; 0 in an empty log. */
  readonly position: number;
  /**
   * `POSITION:ROOT`. Keep it where nobody who can change the database can change it: it proves the whole log up to there. Undefined in
   * an empty log.
   */
  readonly receipt: string | undefined;
}

/** Events of a seal, at most. */
const BLOCK = 1_000;

/**
 * Seals the log: goes on where the seal before has ended, and keeps a hash over everything that is stored, up to an event behind which
 * nothing is missing. {@link verifyStore} finds whatever is changed, removed, added or moved afterwards.
 *
 * Nothing of it is on the way of appends. May be stopped and run again at any time, also twice at once; what is sealed stays.
 *
 * @example
 * const { receipt } = await sealStore({ url });
 */
export async function sealStore(options: SealStoreOptions): Promise<SealedStore> {
  const schema = schemaName(options.schema);
  const database = createDatabase({ maxConnections: 1, ...options, wakeUp: 'poll' });
  try {
    checkMigrated(await schemaStatus(database, schema));
    await completeSeals(database, schema, options.signal);
    let events = 0;
    for (;;) {
      options.signal?.throwIfAborted();
      const { added, isLast, position, root, upTo } = await sealBlock(database, schema);
      events += added;
      options.onProgress?.({ position, upTo });
      if (!isLast) continue;
      const receipt = position === 0 ? undefined : receiptText({ position, root: root.toString('hex') });
      return { events, position, receipt };
    }
  } finally {
    await database.close();
  }
}

interface SealedBlock {
  readonly added: number;
  readonly isLast: boolean;
  readonly position: number;
  readonly root: Buffer;
  readonly upTo: number;
}

/** In one transaction: a bound is right for what is read on the same connection only. */
function sealBlock(database: Database, schema: SchemaName): Promise<SealedBlock> {
  return database.transact(async (session) => {
    await session.runScript(`${BEGIN_OWN}; ${FLUSHED}`);
    const block = await addBlock(session, schema);
    await session.runScript('commit');
    return block;
  });
}

async function addBlock(session: Session, schema: SchemaName): Promise<SealedBlock> {
  const [last] = (await session.run(lastSealQuery(schema))).map(toSeal);
  const [bound] = (await session.run(feedBoundQuery(schema))).map(toFeedBound);
  const upTo = bound?.position ?? 0;
  const rows = await session.run(hashedEventsQuery(schema, { after: last?.upTo ?? 0, upTo, limit: BLOCK }));
  const events = rows.map(toHashedEvent);
  const before = last?.root ?? (await readFirstRoot(session, schema));
  // Not the bound: positions behind the last event may be given again after a crash.
  const end = events.at(-1)?.position;
  if (end === undefined) return { added: 0, isLast: true, position: last?.upTo ?? 0, root: before, upTo };
  const root = events.reduce(nextRoot, before);
  const seal = {
    number: (last?.number ?? 0) + 1,
    upTo: end,
    events: events.length,
    root,
    entries: packEntries(events),
  };
  const [added] = await session.run(addSealQuery(schema, seal));
  // Somebody else was faster: once more, behind what they have sealed.
  if (added === undefined) return { added: 0, isLast: false, position: end, root, upTo };
  return { added: events.length, isLast: events.length < BLOCK, position: end, root, upTo };
}

/**
 * A backup has no entries: once the log was restored, they follow from it. Not where a seal says that the events are other ones; what
 * that is, nobody can say any more.
 */
async function completeSeals(database: Database, schema: SchemaName, signal: AbortSignal | undefined): Promise<void> {
  for (let number = 0; ;) {
    signal?.throwIfAborted();
    const next = await database.withSession((session) => completeSeal(session, schema, number));
    if (next === undefined) return;
    number = next;
  }
}

/** Gives back the number of the seal that it has looked at, the first without entries behind another one. */
async function completeSeal(session: Session, schema: SchemaName, after: number): Promise<number | undefined> {
  const [seal] = (await session.run(bareSealQuery(schema, after))).map(toSeal);
  if (seal === undefined) return undefined;
  const [before] = (await session.run(sealQuery(schema, seal.number - 1))).map(toSeal);
  const range = { after: before?.upTo ?? 0, upTo: seal.upTo, limit: BLOCK + 1 };
  const events = (await session.run(hashedEventsQuery(schema, range))).map(toHashedEvent);
  const root = events.reduce(nextRoot, before?.root ?? (await readFirstRoot(session, schema)));
  if (root.equals(seal.root)) await session.run(completeSealQuery(schema, seal.number, packEntries(events)));
  return seal.number;
}

/** What the chain of a store begins with. */
export async function readFirstRoot(session: Session, schema: SchemaName): Promise<Buffer> {
  const [row] = await session.run(storeIdQuery(schema));
  return firstRoot(row?.[0] ?? '');
}
