import { runSql } from '../cluster/sql.ts';
import { LinesReader, LinesWriter } from '../processes/lines-file.ts';

/** An append that was acknowledged: what its caller was told. */
export interface LedgerEntry {
  readonly id: string;
  readonly streamName: string;
  readonly streamVersion: number;
  readonly position: number;
}

/** Writes acknowledged appends into a file, which no server of the drill can lose. */
export class LedgerWriter {
  readonly #lines: LinesWriter;

  constructor(path: string) {
    this.#lines = new LinesWriter(path);
  }

  write({ id, streamName, streamVersion, position }: LedgerEntry): void {
    this.#lines.write(`${id} ${streamVersion} ${position} ${streamName}`);
  }
}

/** What was acknowledged so far, by all processes that have written into the file. */
export class Ledger {
  readonly #lines: LinesReader;
  readonly #entries: LedgerEntry[] = [];

  constructor(path: string) {
    this.#lines = new LinesReader(path);
  }

  async entries(): Promise<readonly LedgerEntry[]> {
    for (const line of await this.#lines.read()) {
      const [id = '', version, position, streamName = ''] = line.split(' ');
      this.#entries.push({ id, streamName, streamVersion: Number(version), position: Number(position) });
    }
    return [...this.#entries];
  }
}

/** Entries that are not in the log as they were acknowledged; it is read from the table, without the library. */
export async function lostOf(
  entries: readonly LedgerEntry[],
  { url, schema }: { readonly url: string; readonly schema: string },
): Promise<readonly LedgerEntry[]> {
  const rows = await runSql(
    url,
    `select event_id, stream_version, global_position, stream_name from "${schema}".events`,
  );
  const stored = new Set(rows.map((row) => row.join(' ')));
  return entries.filter(
    ({ id, streamVersion, position, streamName }) => !stored.has(`${id} ${streamVersion} ${position} ${streamName}`),
  );
}
