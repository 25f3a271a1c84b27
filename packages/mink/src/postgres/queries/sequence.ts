import type { Row, Statement } from '../connection.ts';
import { inSchema, type SchemaName } from '../schema-name.ts';

/** Where the sequence of positions stands, and the log. */
export interface SequenceState {
  /** The last position that was drawn. */
  readonly lastDrawn: number;
  /** The highest position that is stored. */
  readonly highest: number;
  /** Names the log; a restored one has the same. */
  readonly storeId: string;
}

/**
 * One index look-up. An event in the statement's snapshot was drawn before it began, and the sequence is read later: that
 * it is behind cannot be an accident of the order.
 */
export function sequenceStateQuery(schema: SchemaName): Statement {
  const sql = `
    select
      (select case when q.is_called then q.last_value else 0 end from :schema.global_position q),
      (select coalesce(max(e.global_position), 0) from :schema.events e),
      (select m.store_id from :schema.meta m)`;
  return { ...inSchema(schema, 'sequence_state', sql), values: [] };
}

/** The state from its row. */
export function toSequenceState([lastDrawn, highest, storeId]: Row): SequenceState {
  return { lastDrawn: Number(lastDrawn), highest: Number(highest), storeId: storeId ?? '' };
}

/** A sequence behind the log would hand out positions that readers have passed. */
export function isBehind({ lastDrawn, highest }: Omit<SequenceState, 'storeId'>): boolean {
  return lastDrawn < highest;
}
