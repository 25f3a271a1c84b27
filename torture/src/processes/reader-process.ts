import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseUnavailableError, MinkError, type StoredEvent } from 'mink';
import { createPostgresStore } from 'mink/postgres';
import type { Client } from 'pg';
import { describeError } from '../actors/library-writer.ts';
import { toDelivered } from '../actors/observed.ts';
import { connect, disconnect, query } from '../cluster/sql.ts';
import { pause } from '../waiting.ts';
import { numberIn, parseRecord, textIn, textsIn } from './json.ts';
import { lifeOfParent } from './life.ts';
import { LinesWriter } from './lines-file.ts';
import type { UntypedStore } from '../untyped-store.ts';

// A consumer as the guide describes it: it handles what it is given, then writes down how far it is, and after a restart goes
// on from there. Killed at any time. Its cursor is in a file, or in a table, in the transaction of what it does.
const config = parseRecord(process.argv[2] ?? '') ?? {};
const name = textIn(config, 'name');
const path = textIn(config, 'path');
const url = textIn(config, 'url');
const pageSize = numberIn(config, 'pageSize');
const types = textsIn(config, 'types');
const signal = lifeOfParent();
const lines = new LinesWriter(path);
lines.write('');
const store = createPostgresStore({ url, migrate: 'never', pollInterval: 20, connectTimeout: 2_000 });

/** Our predecessor's last commit came after we had looked: we go on from there. */
class CursorMovedError extends Error {}

/** What it keeps its cursor in. */
interface Keeping {
  /** Where to go on. */
  begin(): Promise<number>;
  handle(page: readonly StoredEvent[]): Promise<void>;
}

function inFile(): Keeping {
  const cursorFile = `${path}.cursor`;
  return {
    begin: async () => {
      try {
        return Number(readFileSync(cursorFile, 'utf8'));
      } catch {
        return 0;
      }
    },
    handle: async (page) => {
      const delivered = page
        .map(toDelivered)
        .map((event) => [event.position, event.id, event.streamName, event.version]);
      lines.write(JSON.stringify({ line: 'page', page: delivered }));
      lines.flush();
      replaceFile(cursorFile, String(page.at(-1)?.globalPosition ?? 0));
    },
  };
}

/** Either the old content or the new one, whenever the process or the machine dies. */
function replaceFile(target: string, content: string): void {
  const draft = openSync(`${target}.new`, 'w');
  writeSync(draft, content);
  fsyncSync(draft);
  closeSync(draft);
  renameSync(`${target}.new`, target);
  const directory = openSync(dirname(target), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

function inTable(client: Client): Keeping {
  let cursor = 0;
  return {
    begin: async () => {
      await query(client, 'insert into public.cursors (reader, position) values ($1, 0) on conflict do nothing', [
        name,
      ]);
      const [row] = await query(client, 'select position from public.cursors where reader = $1', [name]);
      cursor = Number(row?.[0]);
      return cursor;
    },
    handle: async (page) => {
      const delivered = page.map(toDelivered);
      const end = delivered.at(-1)?.position ?? cursor;
      await query(client, 'begin');
      const moved = await query(
        client,
        'update public.cursors set position = $2 where reader = $1 and position = $3 returning position',
        [name, end, cursor],
      );
      // The commit of a process that was killed can still be on its way when we begin.
      if (moved.length === 0) throw new CursorMovedError();
      await query(
        client,
        `insert into public.handled (reader, position, event_id, stream_name, version)
        select $1, * from unnest($2::bigint[], $3::uuid[], $4::text[], $5::bigint[])`,
        [
          name,
          delivered.map(({ position }) => position),
          delivered.map(({ id }) => id),
          delivered.map(({ streamName }) => streamName),
          delivered.map(({ version }) => version),
        ],
      );
      await query(client, 'commit');
      cursor = end;
    },
  };
}

/** Whether the subscription that runs now has given us something: then it must survive that the database is away. */
let hasBegun = false;

async function consume(from: UntypedStore, keeping: Keeping): Promise<void> {
  const after = await keeping.begin();
  lines.write(JSON.stringify({ line: 'reading', after }));
  const interest = types.length === 0 ? {} : { types };
  hasBegun = false;
  for await (const page of from.subscribe({ ...interest, after, pageSize, signal }).pages()) {
    hasBegun = true;
    await keeping.handle(page);
  }
}

while (!signal.aborted) {
  let client: Client | undefined;
  try {
    if (textIn(config, 'keeps') === 'table') client = await connect(url);
    await consume(store, client === undefined ? inFile() : inTable(client));
  } catch (error) {
    // The database is away when it begins, or its own transaction was cut off: it goes on from its cursor.
    const isExpected = error instanceof DatabaseUnavailableError ? !hasBegun : isCutOff(error);
    if (!isExpected) lines.write(JSON.stringify({ line: 'unexpected', message: describeError(error) }));
    await pause(30, signal);
  } finally {
    if (client !== undefined) await disconnect(client);
  }
}
await store.close();
process.exit(0);

/** The connection of its own, not mink's: for that one there are typed errors. */
function isCutOff(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof MinkError) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    error instanceof CursorMovedError ||
    /^(?:57P0|08|ECONN|EPIPE|ETIMEDOUT)/u.test(code) ||
    /terminated|timeout|not queryable|connection error/iu.test(error.message)
  );
}
