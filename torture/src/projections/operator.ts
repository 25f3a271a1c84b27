import {
  createProjectionEngine,
  DatabaseError,
  DatabaseUnavailableError,
  mayPass,
  type ProjectionId,
  type ProjectionStatus,
} from 'mink';
import { createPostgresStore } from 'mink/postgres';
import type { FoundTallies } from '../check/check-projections.ts';
import type { Finding } from '../check/finding.ts';
import { retrySql } from '../cluster/sql.ts';
import type { Random } from '../random.ts';
import { happenings } from './happenings.ts';
import { TALLY_RULES, tallyProjections, Troubles, type ProjectedFact } from './tally-projections.ts';

/** Somebody who looks after the projections from outside: what the command line does, and who reads the read models. */
export class Operator {
  readonly #url: string;
  readonly #troubles = new Troubles(0);
  readonly #projections = tallyProjections(this.#troubles);
  readonly #store;
  readonly #engine;
  readonly unexpected: string[] = [];

  constructor(url: string) {
    this.#url = url;
    this.#store = createPostgresStore({
      url,
      categories: { Thing: happenings },
      migrate: 'never',
      connectTimeout: 2_000,
    });
    this.#engine = createProjectionEngine(this.#store, this.#projections);
  }

  set cure(level: number) {
    this.#troubles.cure = level;
  }

  /** Undefined while the server is away. */
  async status(): Promise<readonly ProjectionStatus[] | undefined> {
    return this.#try(() => this.#engine.status());
  }

  async pause(random: Random): Promise<void> {
    await this.#try(() => this.#engine.pause(this.#any(random)));
  }

  async resumeAll(): Promise<void> {
    for (const projection of this.#projections) await this.#try(() => this.#engine.resume(projection));
  }

  async reset(random: Random): Promise<void> {
    await this.#try(() => this.#engine.reset(this.#any(random)));
  }

  async partition(random: Random): Promise<void> {
    await this.#try(() => this.#engine.partition(this.#any(random), random.int(1, 6)));
  }

  /** What the projections say themselves of what they have applied. */
  async verify(): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    for (const projection of this.#projections) {
      const { ok, first } = await this.#store.projections.verify(projection);
      const message = `verify says that something is ${first?.kind ?? 'wrong'}: ${JSON.stringify(first)}`;
      if (!ok) findings.push({ kind: 'answer', reader: projection.name, message });
    }
    return findings;
  }

  /** Gives back how many events were applied. */
  async retryAll(): Promise<number> {
    let applied = 0;
    for (const of of await this.#parked())
      applied += (await this.#try(() => this.#engine.deadLetters.retry(of)))?.applied ?? 0;
    return applied;
  }

  /** Gives up one of the keys that are parked. */
  async discardOne(random: Random): Promise<number> {
    const [of] = random.shuffle(await this.#parked());
    if (of === undefined) return 0;
    return (await this.#try(() => this.#engine.deadLetters.discard(of, { reason: 'by chance' }))) ?? 0;
  }

  /** What is stored, when all is quiet. */
  async find(log: readonly ProjectedFact[]): Promise<readonly FoundTallies[]> {
    const found: FoundTallies[] = [];
    for (const projection of this.#projections) {
      const { name, version } = projection;
      const waiting = new Map<string, readonly number[]>();
      for (const { key } of await this.#engine.deadLetters.list({ name, version }).toArray()) {
        const events = await this.#engine.deadLetters.show({ projection, key }).toArray();
        waiting.set(
          key,
          events.map(({ globalPosition }) => globalPosition),
        );
      }
      const models = await this.#store.projections.readModel(projection).list().toArray();
      const discarded = await readDiscarded(this.#url, name);
      found.push({ name, rule: TALLY_RULES[name], log, models, waiting, discarded });
    }
    return found;
  }

  async close(): Promise<void> {
    await this.#engine.close();
    await this.#store.close();
  }

  #any(random: Random): ProjectionId {
    return this.#projections[random.int(0, this.#projections.length - 1)] ?? this.#projections[0];
  }

  async #parked() {
    const parked = (await this.#try(() => this.#engine.deadLetters.list().toArray())) ?? [];
    return parked.map(({ name, version, key }) => ({ projection: { name, version }, key }));
  }

  /** The server may be away, and may end a transaction. Anything else is a finding. */
  async #try<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const isExpected =
        error instanceof DatabaseUnavailableError ||
        mayPass(error) ||
        (error instanceof DatabaseError && error.sqlState.startsWith('57'));
      // A projection that nobody has started yet is not known.
      const isUnknown = error instanceof Error && error.message.includes('there is none of name');
      if (!isExpected && !isUnknown)
        this.unexpected.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
      return undefined;
    }
  }
}

async function readDiscarded(url: string, name: string): Promise<ReadonlyMap<string, ReadonlySet<number>>> {
  const rows = await retrySql(
    url,
    'select key, position from mink.discarded_letters where name = $1 and not is_outdated',
    [name],
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
  return rows.map(([position, streamName, type, data]): ProjectedFact => {
    return {
      position: Number(position),
      streamName: String(streamName),
      type: String(type),
      data: JSON.parse(String(data)),
    };
  });
}
