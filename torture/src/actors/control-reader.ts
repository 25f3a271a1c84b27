import type { ControlReading } from '../check/check-control.ts';
import { connect, disconnect, query } from '../cluster/sql.ts';
import { pause } from '../waiting.ts';

/** The two ways to follow a log that are found in many systems, and lose events. */
export const CONTROLS = {
  /** Whatever is above the last position. */
  naive: 'select global_position from mink.events where global_position > $1 order by global_position limit 500',
  /**
   * The same, of transactions below the oldest one that is still running. The cluster is young: its transaction ids have
   * not wrapped around, and can be compared as numbers.
   */
  xmin: `
    select global_position from mink.events
    where global_position > $1 and xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    order by global_position limit 500`,
} as const;

/** A reader that is known to be broken. A run in which it loses nothing has not been hard enough to prove anything. */
export class ControlReader implements ControlReading {
  readonly name: keyof typeof CONTROLS;
  readonly #seen = new Set<number>();
  #cursor = 0;

  constructor(name: keyof typeof CONTROLS) {
    this.name = name;
  }

  get cursor(): number {
    return this.#cursor;
  }

  get seen(): ReadonlySet<number> {
    return this.#seen;
  }

  async run(url: string, signal: AbortSignal): Promise<void> {
    const client = await connect(url);
    try {
      while (!signal.aborted) {
        const rows = await query(client, CONTROLS[this.name], [this.#cursor]);
        for (const [position] of rows) {
          this.#cursor = Number(position);
          this.#seen.add(this.#cursor);
        }
        if (rows.length === 0) await pause(2, signal);
      }
    } finally {
      await disconnect(client);
    }
  }
}
