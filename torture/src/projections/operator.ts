import {
  createProjectionEngine,
  createProjectionVersions,
  type ProjectionEngine,
  type ProjectionId,
  type ProjectionStatus,
} from 'mink';
import { createPostgresStore } from 'mink/postgres';
import type { FoundTallies } from '../check/check-projections.ts';
import type { Finding } from '../check/finding.ts';
import { retrySql } from '../cluster/sql.ts';
import type { Random } from '../random.ts';
import { happenings } from './happenings.ts';
import { isAway } from './is-away.ts';
import {
  FIRST_VERSIONS,
  isTallyName,
  TALLY_RULES,
  tallyProjections,
  toFact,
  Troubles,
  type ProjectedFact,
  type TallyVersion,
} from './tally-projections.ts';

/** A version that somebody has started, and nobody has retired. */
export interface KnownVersion extends TallyVersion {
  readonly isLive: boolean;
}

/** Somebody who looks after the projections from outside: what the command line does, and who reads the read models. */
export class Operator {
  readonly #url: string;
  readonly #troubles = new Troubles(0);
  readonly #store;
  readonly unexpected: string[] = [];

  constructor(url: string) {
    this.#url = url;
    this.#store = createPostgresStore({
      url,
      categories: { Thing: happenings },
      migrate: 'never',
      connectTimeout: 2_000,
    });
  }

  set cure(level: number) {
    this.#troubles.cure = level;
  }

  /** Undefined while the server is away. */
  async status(): Promise<readonly ProjectionStatus[] | undefined> {
    return this.#try(async () => (await this.#engine()).status());
  }

  /** The versions that there are; undefined while the server is away. */
  async versions(): Promise<readonly KnownVersion[] | undefined> {
    return this.#try(async () => {
      const all = await this.#store.projections.list();
      return all.flatMap(({ name, version, isLive }) => (isTallyName(name) ? { name, version, isLive } : []));
    });
  }

  async pause(random: Random): Promise<void> {
    await this.#try(async () => this.#store.projections.pause(await this.#any(random)));
  }

  async resumeAll(): Promise<void> {
    for (const version of (await this.versions()) ?? []) await this.#try(() => this.#store.projections.resume(version));
  }

  /** Gives back what was to be reset. */
  async reset(random: Random): Promise<ProjectionId> {
    const projection = await this.#any(random);
    await this.#try(() => this.#store.projections.reset(projection));
    return projection;
  }

  async resetThis(projection: ProjectionId): Promise<void> {
    await this.#try(() => this.#store.projections.reset(projection));
  }

  async partition(random: Random): Promise<void> {
    await this.#try(async () => this.#store.projections.partition(await this.#any(random), random.int(1, 6)));
  }

  /** Drops what is left of rebuilds and comparisons, and gives back how many. */
  async dropShadows(): Promise<number | undefined> {
    return this.#try(() => createProjectionVersions(this.#store, []).dropShadows());
  }

  /** What the versions say themselves of what they have applied, whether or not it goes on. */
  async verify(): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    for (const projection of await this.#projections()) {
      const verified = await this.#try(() => this.#store.projections.verify(projection));
      if (verified === undefined || verified.ok) continue;
      const { first } = verified;
      const message = `verify says that something is ${first?.kind ?? 'wrong'}: ${JSON.stringify(first)}`;
      findings.push({ kind: 'answer', reader: labelOf(projection), message });
    }
    return findings;
  }

  /** Gives back how many events were applied. */
  async retryAll(): Promise<number> {
    const { deadLetters } = await this.#engine();
    let applied = 0;
    for (const of of await this.#parked(deadLetters))
      applied += (await this.#try(() => deadLetters.retry(of)))?.applied ?? 0;
    return applied;
  }

  /** Gives up one of the keys that are parked. */
  async discardOne(random: Random): Promise<number> {
    const { deadLetters } = await this.#engine();
    const [of] = random.shuffle(await this.#parked(deadLetters));
    if (of === undefined) return 0;
    return (await this.#try(() => deadLetters.discard(of, { reason: 'by chance' }))) ?? 0;
  }

  /** What is stored of every version, when all is quiet. */
  async find(log: readonly ProjectedFact[]): Promise<readonly FoundTallies[]> {
    const found: FoundTallies[] = [];
    const { deadLetters } = await this.#engine();
    for (const projection of await this.#projections()) {
      const { name, version } = projection;
      if (!isTallyName(name)) continue;
      const waiting = new Map<string, readonly number[]>();
      for (const { key } of await deadLetters.list({ name, version }).toArray()) {
        const events = await deadLetters.show({ projection, key }).toArray();
        waiting.set(
          key,
          events.map(({ globalPosition }) => globalPosition),
        );
      }
      const models = await this.#store.projections.readModel(projection).list().toArray();
      const discarded = await readDiscarded(this.#url, { name, version });
      found.push({ name: labelOf(projection), rule: TALLY_RULES[name], log, models, waiting, discarded });
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async #any(random: Random): Promise<ProjectionId> {
    const projections = await this.#projections();
    return random.shuffle(projections)[0] ?? { name: 'by-stream', version: 1 };
  }

  /** The code of the versions that there are, or of the first ones. */
  async #projections() {
    const versions = (await this.versions()) ?? [];
    return tallyProjections(versions.length === 0 ? FIRST_VERSIONS : versions, this.#troubles);
  }

  async #engine(): Promise<ProjectionEngine> {
    return createProjectionEngine(this.#store, await this.#projections());
  }

  /** Of versions: shadows are nobody's business. */
  async #parked({ list }: Pick<ProjectionEngine['deadLetters'], 'list'>) {
    const parked = (await this.#try(() => list().toArray())) ?? [];
    const own = parked.filter(({ version }) => version > 0);
    return own.map(({ name, version, key }) => ({ projection: { name, version }, key }));
  }

  /** The server may be away, and may end a transaction. Anything else is a finding. */
  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      // A projection that nobody has started yet is not known.
      const isUnknown = error instanceof Error && error.message.includes('there is none of name');
      if (!isAway(error) && !isUnknown)
        this.unexpected.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      return undefined;
    }
  }
}

/** For people. */
function labelOf({ name, version }: ProjectionId): string {
  return `${name} v${version}`;
}

async function readDiscarded(
  url: string,
  { name, version }: ProjectionId,
): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const rows = await retrySql(
    url,
    'select key, position from mink.discarded_letters where name = $1 and version = $2 and not is_outdated',
    [name, version],
  );
  const discarded = new Map<string, Set<number>>();
  for (const [key, position] of rows) {
    const positions = discarded.get(String(key)) ?? new Set();
    discarded.set(String(key), positions.add(Number(position)));
  }
  return discarded;
}

/** The whole log, read without the library. */
export async function readFacts(url: string): Promise<readonly ProjectedFact[]> {
  const rows = await retrySql(
    url,
    'select global_position, stream_name, type, data::text from mink.events order by global_position',
  );
  return rows.map(toFact);
}
