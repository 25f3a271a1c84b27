import {
  InvalidArgumentError,
  type AppendCommand,
  type InlineChange,
  type InlineSet,
  type InlineStorage,
  type LogPage,
  type LogPageQuery,
  type ProjectionId,
} from '../core/index.ts';
import { makeAsync, makeInline, settleInline } from './inline-projections.ts';
import type { ReadModels } from './read-models.ts';

/** What the set is kept beside. */
export interface InlineSetSettings {
  readonly readModels: ReadModels;
  readonly readLogPage: (query: LogPageQuery) => Promise<LogPage>;
  /** The last position of the log. */
  readonly head: () => number;
}

/** The active inline projections, in memory. */
export class MemoryInlineSet implements InlineStorage {
  readonly #settings: InlineSetSettings;
  #set: InlineSet = { projections: [], epoch: 0 };

  constructor(settings: InlineSetSettings) {
    this.#settings = settings;
  }

  async readInlineSet(): Promise<InlineSet> {
    return this.#set;
  }

  /** Whether a command applies what is active. Where nothing is, one that applies nothing is right. */
  isMet({ inline }: AppendCommand): boolean {
    const { projections, epoch } = this.#set;
    return inline === undefined ? projections.length === 0 : inline.epoch === epoch;
  }

  async switchInline(change: InlineChange): Promise<void> {
    const { readModels, head } = this.#settings;
    const { projections: active } = this.#set;
    const added = change.add.filter((it) => !isIn(active, it));
    const removed = active.filter((it) => isIn(change.remove, it));
    if (added.length === 0 && removed.length === 0) return;
    try {
      // Nobody can be kept out, so what came meanwhile is applied, too; from there to the switch nobody gets a turn.
      for (let seen = -1; seen < head();) {
        seen = head();
        for (const projection of added) await this.#applyRest(projection, change);
      }
    } catch (error) {
      for (const projection of added) makeAsync(readModels.find(projection), undefined);
      throw error;
    }
    for (const projection of added) settleInline(readModels.find(projection), head());
    for (const projection of removed) makeAsync(readModels.find(projection), head());
    const kept = active.filter((it) => !isIn(change.remove, it));
    const ids = [...kept, ...added].map(({ name, version }) => ({ name, version }));
    this.#set = { projections: ids, epoch: this.#set.epoch + 1 };
  }

  async #applyRest({ name, version }: ProjectionId, { applyRest }: InlineChange): Promise<void> {
    const { readModels, readLogPage, head } = this.#settings;
    const kept = readModels.find({ name, version });
    if (kept === undefined) {
      throw new InvalidArgumentError('projection', `"${name}" version ${version} was never started`);
    }
    if (kept.parked.size > 0) {
      throw new InvalidArgumentError(
        'projection',
        `"${name}" version ${version} has parked keys (${kept.parked.size}), and an inline projection has none. Retry or discard its dead letters.`,
      );
    }
    for (const lease of makeInline(kept))
      await applyRest(lease, { upTo: head(), storage: { readLogPage }, readModels });
  }
}

function isIn(list: readonly ProjectionId[], { name, version }: ProjectionId): boolean {
  return list.some((it) => it.name === name && it.version === version);
}
