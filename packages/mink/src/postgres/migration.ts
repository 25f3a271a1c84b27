/** One numbered step of the schema. Never edited after a release. */
export interface Migration {
  /** 1, 2, 3 … without gaps. */
  readonly version: number;
  readonly name: string;
  /** The oldest code (see `CODE_LEVEL`) that still works on a database at this version. */
  readonly minCompatibleCode: number;
  /** Statements with `:schema` for the quoted schema name. */
  readonly sql: string;
}
