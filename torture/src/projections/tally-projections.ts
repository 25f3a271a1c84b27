import { BusinessRuleViolationError, defineProjection, documents } from 'mink';
import { happenings, type Happening } from './happenings.ts';
import { addTo, type Tally } from './tally.ts';

/** What is kept of a projected event: the checker does the same without the library. */
export interface ProjectedFact {
  readonly position: number;
  readonly streamName: string;
  readonly type: string;
  readonly data: Happening;
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

/** The projections of a process. */
export function tallyProjections(troubles: Troubles) {
  const add =
    (name: TallyName) =>
    (tally: Tally | null, event: { readonly globalPosition: number; readonly data: Happening }, key: string): Tally => {
      const { globalPosition: position, data } = event;
      troubles.check(name, key, { data, position });
      return addTo(tally, { position, amount: data.amount });
    };
  const events = { Thing: happenings };
  const readModel = documents<Tally>();
  const byStream = add('by-stream');
  return [
    defineProjection({ name: 'by-stream', events, readModel }).on({ Counted: byStream, Rare: byStream }),
    defineProjection({
      name: 'by-tag',
      events,
      readModel,
      key: ({ data }) => data.tags,
    }).on({ Counted: add('by-tag') }),
    defineProjection({ name: 'rare', events, readModel }).on({ Rare: add('rare') }),
    defineProjection({
      name: 'open',
      events,
      readModel,
    }).on({
      Counted: add('open'),
      Closed: (_, { globalPosition: position, data }, key) => {
        troubles.check('open', key, { data, position });
        return null;
      },
    }),
  ] as const;
}
