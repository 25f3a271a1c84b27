import type { Row } from './connection.ts';

/** The part of `pg`'s protocol that a bundle speaks; the same that cursors and streams of rows use. */
export interface ConnectionLike {
  /** What is prepared on the connection, by name. */
  readonly parsedStatements: Readonly<Record<string, string | undefined>>;
  readonly stream: { cork?(): void; uncork?(): void };
  parse(query: { readonly name: string; readonly text: string }): void;
  bind(query: { readonly portal: string; readonly statement: string; readonly values: readonly WireValue[] }): void;
  describe(query: { readonly type: 'P'; readonly name: string }): void;
  execute(query: { readonly portal: string }): void;
  sync(): void;
}

/** A client of `pg`, as far as bundles need it. */
export interface BundlingClient {
  readonly connection: ConnectionLike;
  query(bundle: Bundle): unknown;
}

/** A parameter as it is sent. */
type WireValue = string | Buffer | null;

/** What a statement gave. */
export interface BundleResult {
  readonly rows: unknown[];
  /** What it did, such as `COMMIT`. */
  readonly command?: string | undefined;
}

/** A statement of a bundle, and who waits for what it gives. */
interface Bundled {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
  readonly rows: Row[];
  readonly resolve: (result: BundleResult) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Statements that go out as one message and are answered as one: the server stops at the first that fails. A query of its own
 * kind for `pg`, which hands it the messages that come back.
 */
export class Bundle {
  readonly #statements: Bundled[] = [];
  /** The statement whose answer comes next. */
  #next = 0;

  /** Adds a statement; without a name, it is planned anew. */
  add(
    text: string,
    { name = '', values }: { readonly name?: string | undefined; readonly values: readonly unknown[] },
  ): Promise<BundleResult> {
    return new Promise((resolve, reject) => this.#statements.push({ name, text, values, rows: [], resolve, reject }));
  }

  /** Statements whose name the connection does not know have to be run one by one first: `pg` keeps the book of names. */
  isPrepared({ parsedStatements }: ConnectionLike): boolean {
    return this.#statements.every(({ name, text }) => name === '' || parsedStatements[name] === text);
  }

  /** The statements one by one, for a connection that is to learn them. The first that fails ends it. */
  async runOneByOne(
    run: (statement: Pick<Bundled, 'name' | 'text' | 'values'>) => Promise<BundleResult>,
  ): Promise<void> {
    for (const [index, statement] of this.#statements.entries()) {
      try {
        statement.resolve(await run(statement));
      } catch (error) {
        for (const left of this.#statements.slice(index)) left.reject(error);
        return;
      }
    }
  }

  /** Called by `pg` when it is the bundle's turn. */
  submit(connection: ConnectionLike): void {
    connection.stream.cork?.();
    try {
      for (const { name, text, values } of this.#statements) {
        if (name === '') connection.parse({ name, text });
        connection.bind({ portal: '', statement: name, values: values.map(toWire) });
        connection.describe({ type: 'P', name: '' });
        connection.execute({ portal: '' });
      }
    } catch (error) {
      // A value that no message can hold.
      this.handleError(error);
    } finally {
      connection.sync();
      connection.stream.uncork?.();
    }
  }

  handleRowDescription(): void {
    // Every column is text.
  }

  handleDataRow({ fields }: { readonly fields: Row }): void {
    this.#statements[this.#next]?.rows.push(fields);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const done = this.#statements[this.#next];
    this.#next += 1;
    // The first word says what was done.
    done?.resolve({ rows: done.rows, command: text.split(' ', 1)[0] ?? '' });
  }

  handleError(error: unknown): void {
    for (const { reject } of this.#statements.slice(this.#next)) reject(error);
    this.#next = this.#statements.length;
  }

  handleReadyForQuery(): void {
    // Every statement has been answered by now.
  }
}

/** Whether a connection can take bundles: `pg`'s can, unless it sends ahead by itself. */
export function takesBundles<T extends object>(client: T): client is T & BundlingClient {
  const connection: unknown = 'connection' in client ? client.connection : undefined;
  const isAhead = 'pipeline' in client && client.pipeline === true;
  return !isAhead && typeof connection === 'object' && connection !== null && 'parsedStatements' in connection;
}

/** As `pg` sends parameters: text, whatever they are; buffers as they are. */
function toWire(value: unknown): WireValue {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value)) return value;
  return Array.isArray(value) ? arrayText(value) : scalarText(value);
}

function arrayText(values: readonly unknown[]): string {
  const elements = values.map((value) => {
    if (value === null || value === undefined) return 'NULL';
    return typeof value === 'string' ? `"${value.replaceAll(/["\\]/gu, String.raw`\$&`)}"` : scalarText(value);
  });
  return `{${elements.join(',')}}`;
}

function scalarText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(`a bundle sends no ${typeof value}`);
}
