import type { PoolClientLike, PoolLike } from 'mink/postgres';
import { Pool } from 'pg';
import type { ProjectionSabotage } from '../cluster/sabotage.ts';

/** What each replaces in the statements that a worker or a builder sends. */
const REPLACEMENTS: Readonly<Record<ProjectionSabotage, { readonly pattern: RegExp; readonly replacement: string }>> = {
  // Whoever has been replaced, or begins elsewhere, still writes.
  'no-fence': {
    pattern: /and p\.epoch = (?<epoch>\$\d+)\s+and p\.position = (?<position>\$\d+)/u,
    replacement: 'and $<epoch>::bigint is not null and $<position>::bigint is not null',
  },
  // Whoever builds or switches sees nothing that is left.
  'no-catch-up': {
    pattern: /select count\(\*\), (?<oldest>\(pg_catalog\.min\(pg_catalog\.date_part)/u,
    replacement: 'select 0, $<oldest>',
  },
  // Whoever goes on with what another one has begun, begins behind its next event.
  'one-too-far': {
    pattern: /(?<taken>epoch = p\.epoch \+ case when r\.is_renewed then 0 else 1 end,)/u,
    replacement: '$<taken> position = p.position + case when r.is_renewed then 0 else 1 end,',
  },
  // What comes after an event that failed is applied all the same.
  'no-parking': {
    pattern: /(?<parked>parked_keys k\s+where k\.name = \$2 and k\.version = \$3 and k\.key = any \(\$1::text\[\]\))/u,
    replacement: '$<parked> and false',
  },
};

/** A pool whose statements are broken on purpose. Calls `onBroken` when it has found something to break. */
export function brokenPool(
  url: string,
  sabotage: ProjectionSabotage,
  onBroken: () => void,
): PoolLike & { end(): Promise<void> } {
  const pool = new Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 2_000 });
  pool.on('error', () => undefined);
  const { pattern, replacement } = REPLACEMENTS[sabotage];
  const broken = (client: PoolClientLike): PoolClientLike => {
    const query: PoolClientLike['query'] = (statement) => {
      const text = statement.text.replace(pattern, replacement);
      if (text !== statement.text) onBroken();
      return client.query({ ...statement, text });
    };
    return new Proxy(client, {
      get: (target, name): unknown => {
        if (name === 'query') return query;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
  };
  return { connect: async () => broken(await pool.connect()), options: pool.options, end: () => pool.end() };
}
