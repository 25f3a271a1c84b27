import { BusinessRuleViolationError, column, defineProjection, documents } from 'mink';
import { happenings, type Happening } from './happenings.ts';
import { addTo, type Tally } from './tally.ts';

/** What is kept of a projected event: the checker does the same without the library. */
export interface ProjectedFact {
  readonly position: number;
  readonly streamName: string;
  readonly type: string;
  readonly data: Happening;
}

/** Of a row of the log: position, stream, type, data. */
export function toFact([position, streamName, type, data]: readonly unknown[]): ProjectedFact {
  return {
    position: Number(position),
    streamName: String(streamName),
    type: String(type),
    data: JSON.parse(String(data)),
  };
}

/** What the checker knows of a projection: which keys an event has, and after which type there is no document. */
export interface TallyRule {
  readonly types: readonly string[];
  readonly keysOf: (event: ProjectedFact) => readonly string[];
  readonly ends: (event: ProjectedFact) => boolean;
}

/** By name of the projection; the definitions below say the same in the library's words. */
export const TALLY_RULES: Readonly<Record<TallyName, TallyRule>> = {
  'by-stream': { types: ['Counted', 'Rare'], keysOf: ({ streamName }) => [streamName], ends: () => false },
  'by-tag': { types: ['Counted'], keysOf: ({ data }) => data.tags, ends: () => false },
  rare: { types: ['Rare'], keysOf: ({ streamName }) => [streamName], ends: () => false },
  open: {
    types: ['Counted', 'Closed'],
    keysOf: ({ streamName }) => [streamName],
    ends: ({ type }) => type === 'Closed',
  },
};

export const TALLY_NAMES = ['by-stream', 'by-tag', 'rare', 'open'] as const;
export type TallyName = (typeof TALLY_NAMES)[number];

/** When handlers fail: as events say, until they are cured. */
export class Troubles {
  readonly #tries = new Map<string, number>();
  cure: number;

  constructor(cure: number) {
    this.cure = cure;
  }

  check(projection: TallyName, key: string, { data, position }: Pick<ProjectedFact, 'data' | 'position'>): void {
    const { trouble } = data;
    if (trouble?.projection !== projection || this.cure >= trouble.cure) return;
    const which = `${projection} ${position} ${key}`;
    const tries = (this.#tries.get(which) ?? 0) + 1;
    this.#tries.set(which, tries);
    if (tries > trouble.tries) return;
    if (trouble.isPermanent) throw new BusinessRuleViolationError('TROUBLE', `cannot take ${position}`);
    throw new Error(`not now: ${position}`);
  }
}

/** What is kept under a key: the tally, and which version has made it. */
export interface VersionedTally extends Tally {
  readonly code: number;
}

/** A version of one of the projections. */
export interface TallyVersion {
  readonly name: TallyName;
  readonly version: number;
}

/**
 * The code of a version. All versions of a name keep the same tallies; those with an even number have a column more, so that the
 * view cannot just be replaced.
 */
function tallyProjection({ name, version }: TallyVersion, troubles: Troubles) {
  const add = (
    tally: VersionedTally | null,
    { globalPosition: position, data }: { readonly globalPosition: number; readonly data: Happening },
    key: string,
  ): VersionedTally => {
    troubles.check(name, key, { data, position });
    return { ...addTo(tally, { position, amount: data.amount }), code: version };
  };
  const fields = version % 2 === 0 ? { count: column.integer() } : undefined;
  const common = { name, version, events: { Thing: happenings }, readModel: documents<VersionedTally>({ fields }) };
  switch (name) {
    case 'by-stream':
      return defineProjection(common).on({ Counted: add, Rare: add });
    case 'by-tag':
      return defineProjection({ ...common, key: ({ data }) => data.tags }).on({ Counted: add });
    case 'rare':
      return defineProjection(common).on({ Rare: add });
    case 'open':
      return defineProjection(common).on({
        Counted: add,
        Closed: (_, { globalPosition: position, data }, key) => {
          troubles.check(name, key, { data, position });
          return null;
        },
      });
  }
}

/** The code of some versions. */
export function tallyProjections(versions: readonly TallyVersion[], troubles: Troubles) {
  return versions.map((version) => tallyProjection(version, troubles));
}

/** Where everything begins. */
export const FIRST_VERSIONS: readonly TallyVersion[] = TALLY_NAMES.map((name) => ({ name, version: 1 }));

export function isTallyName(name: unknown): name is TallyName {
  return TALLY_NAMES.some((known) => known === name);
}
