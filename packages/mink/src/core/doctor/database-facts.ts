/** What a database says of itself, for {@link createDoctor}: looked at without changing anything, and before it is migrated. */
export interface DatabaseFacts {
  /** As numbers are: 150018 is 15.18. */
  readonly serverVersion: number;
  /** The server only follows another one: nothing can be appended here. */
  readonly isReplica: boolean;
  readonly role: {
    readonly name: string;
    readonly isSuperuser: boolean;
    /** It owns the tables, and so may drop them. */
    readonly isOwner: boolean;
    /** What it lacks to append and to run projections: `insert on events`. */
    readonly missing: readonly string[];
  };
  readonly schema: {
    readonly name: string;
    /** 0: there is none. */
    readonly databaseVersion: number;
    readonly codeVersion: number;
  };
  /** Settings of the session, by their names in PostgreSQL. */
  readonly settings: Readonly<Record<string, string>>;
  readonly pooler: Pooler;
  /** Undefined where the schema is behind the code. */
  readonly store: StoreFacts | undefined;
}

/** What is between this process and the server: nothing, or a pooler; `pool_of_one` cannot tell. */
export type Pooler = 'none' | 'session' | 'transaction' | 'statement' | 'pool_of_one';

/** What the tables of a store say. */
export interface StoreFacts {
  /** Indexes of mink that are not there, or were not built to their end. */
  readonly brokenIndexes: readonly {
    readonly name: string;
    readonly problem: 'missing' | 'invalid';
    /** The statement that mends it. */
    readonly mend: string;
  }[];
  /** Triggers that keep the log from being changed, and are missing or off. */
  readonly guardsOff: readonly string[];
  readonly tables: readonly TableFacts[];
  /** Indexes that no query has used since the statistics were reset, and that are not needed for anything else. */
  readonly unusedIndexes: readonly { readonly name: string; readonly table: string; readonly bytes: number }[];
  /** The statements that took the most time, if the server keeps count; undefined where it does not. */
  readonly statements: readonly StatementFacts[] | undefined;
  readonly lastBackup: BackupFacts | undefined;
  /** The last position that was handed out. */
  readonly head: number;
  /** The server's time, in milliseconds since 1970. */
  readonly now: number;
}

/** How a table is doing, as its statistics say. */
export interface TableFacts {
  /** As SQL names it: with its schema, and quoted where that is needed. */
  readonly name: string;
  readonly rows: number;
  readonly deadRows: number;
  /** Rows that were read without an index, and how often. */
  readonly scannedRows: number;
  readonly scans: number;
  readonly bytes: number;
  /** Whether the server cleans it up by itself. */
  readonly isVacuumed: boolean;
}

/** A statement, as `pg_stat_statements` counts it. */
export interface StatementFacts {
  readonly text: string;
  readonly calls: number;
  /** Milliseconds. */
  readonly mean: number;
  readonly total: number;
}

/** The last backup that was written to its end. */
export interface BackupFacts {
  /** Milliseconds since 1970. */
  readonly takenAt: number;
  readonly upTo: number;
}
