import { join } from 'node:path';
import { matcher, type Interest, type ObservedReader } from '../actors/observed.ts';
import type { Reading } from '../check/check-reading.ts';
import { checkResumption } from '../check/check-resumption.ts';
import type { Finding } from '../check/finding.ts';
import { retrySql } from '../cluster/sql.ts';
import type { DeliveredEvent } from '../history.ts';
import { Child } from './child.ts';
import { listIn, numberIn, parseRecord, textIn } from './json.ts';
import { LinesReader } from './lines-file.ts';

export interface ReaderChildOptions {
  readonly name: string;
  /** How it reaches the database. */
  readonly url: string;
  /** How the test does. */
  readonly directUrl: string;
  readonly directory: string;
  /** Where its cursor is: with a file, it may be given a page twice; with a table, nothing. */
  readonly keeps: 'file' | 'table';
  readonly types?: readonly string[];
  readonly pageSize: number;
}

interface Part {
  readonly after: number;
  readonly pages: (readonly DeliveredEvent[])[];
}

/** The tables of readers that keep their cursor in the database. */
export const READER_TABLES = `
  create table public.cursors (reader text primary key, position bigint not null);
  create table public.handled (
    reader text, position bigint, event_id uuid not null, stream_name text not null, version bigint not null,
    primary key (reader, position)
  )`;

/** A reader process, over all its lives. */
export class ReaderChild implements ObservedReader {
  readonly name: string;
  readonly interest: Interest;
  readonly #options: ReaderChildOptions;
  readonly #lines: LinesReader;
  readonly #parts: Part[] = [];
  readonly #unexpected: string[] = [];
  #handled: readonly DeliveredEvent[] = [];
  #child: Child;

  constructor(options: ReaderChildOptions) {
    this.name = options.name;
    this.interest = options.types === undefined ? {} : { types: options.types };
    this.#options = options;
    this.#lines = new LinesReader(this.#path());
    this.#child = this.#start();
  }

  get child(): Child {
    return this.#child;
  }

  async restart(): Promise<void> {
    await this.#child.kill();
    this.#child = this.#start();
  }

  async refresh(): Promise<void> {
    for (const line of await this.#lines.read()) {
      const record = line === '' ? undefined : parseRecord(line);
      if (record === undefined) continue;
      const kind = textIn(record, 'line');
      if (kind === 'reading') this.#parts.push({ after: numberIn(record, 'after'), pages: [] });
      else if (kind === 'page') this.#parts.at(-1)?.pages.push(listIn(record, 'page').map(toDelivered));
      else this.#unexpected.push(textIn(record, 'message'));
    }
    if (this.#options.keeps === 'table') await this.#readTable();
  }

  position(): number {
    if (this.#options.keeps === 'table') return this.#handled.at(-1)?.position ?? 0;
    const part = this.#parts.at(-1);
    return part?.pages.at(-1)?.at(-1)?.position ?? part?.after ?? 0;
  }

  readings(): readonly Reading[] {
    const common = { reader: this.name, matches: matcher(this.interest) };
    // Exactly once over all its lives: one reading from the beginning.
    if (this.#options.keeps === 'table') return [{ ...common, after: 0, delivered: this.#handled }];
    return this.#parts.map(({ after, pages }) => ({ ...common, after, delivered: pages.flat() }));
  }

  ownFindings(): readonly Finding[] {
    const unexpected = this.#unexpected.map((message): Finding => ({
      kind: 'unexpected',
      reader: this.name,
      message: `${this.name}: ${message}`,
    }));
    return this.#options.keeps === 'table' ? unexpected : [...unexpected, ...checkResumption(this.name, this.#parts)];
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  async #readTable(): Promise<void> {
    const known = this.#handled.at(-1)?.position ?? 0;
    const rows = await retrySql(
      this.#options.directUrl,
      `select position, event_id, stream_name, version from public.handled
      where reader = $1 and position > $2 order by position`,
      [this.name, known],
    );
    this.#handled = [...this.#handled, ...rows.map(toDelivered)];
  }

  #path(): string {
    return join(this.#options.directory, `${this.name}.handled`);
  }

  #start(): Child {
    const { name, url, keeps, pageSize, types = [], directory } = this.#options;
    const config = { name, url, keeps, pageSize, types, path: this.#path() };
    return new Child('reader', config, join(directory, `${name}.errors`));
  }
}

/** As it stands in a line of a file, or a row of a table. */
function toDelivered(row: unknown): DeliveredEvent {
  const [position, id, streamName, version]: readonly unknown[] = Array.isArray(row) ? row : [];
  return { position: Number(position), id: String(id), streamName: String(streamName), version: Number(version) };
}
