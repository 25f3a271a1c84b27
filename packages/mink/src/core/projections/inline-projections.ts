import { InlineSetChangedError } from '../projection-errors.ts';
import type { OpenTransaction } from '../storage/event-storage.ts';
import type { PreparedAppend } from '../store/append.ts';
import { activateInline, isCaughtUp } from './activate-inline.ts';
import type { Projection } from './define-projection.ts';
import { inlineStorageOf, without, type InlineContext } from './inline-context.ts';
import type { InlineSet, InlineWork } from './inline-storage.ts';
import { inlineWork } from './inline-work.ts';
import type { ProjectionId } from './projection-storage.ts';

/** Whether a projection is inline in the database, and known to this process. */
export interface InlineState extends ProjectionId {
  /**
   * `inactive`: it is known here, and the database does not have it, so that appends are refused; `skipped`: they go on without it,
   * as `whenInlineInactive` says; `missing`: the database has it, and it is not known here.
   */
  readonly state: 'active' | 'inactive' | 'skipped' | 'missing';
}

const NONE: readonly Projection[] = [];

/**
 * The inline projections of a store, and which of them are active in its database. The set there is what counts: an append
 * applies it as a whole, or is refused.
 */
export class InlineProjections {
  readonly #context: InlineContext;
  /** The active set that appends are made for; undefined until it was read. */
  #set: InlineSet | undefined;
  #reading: Promise<void> | undefined;
  /** Active projections by category and type. */
  #handlers = new Map<string, Projection[]>();

  constructor(context: InlineContext) {
    this.#context = context;
  }

  /** Those that the store was made with. */
  get projections(): readonly Projection[] {
    return this.#context.projections;
  }

  /** Milliseconds that the handlers of one append may take. */
  get timeout(): number {
    return this.#context.settings.timeout;
  }

  /** What an append does while one of them is not active. */
  get whenInactive(): InlineContext['whenInactive'] {
    return this.#context.whenInactive;
  }

  /** Whether appends can be made without looking at the database first. */
  get isKnown(): boolean {
    return this.#context.projections.length === 0 || this.#set !== undefined;
  }

  /**
   * Looks which set is active. Where there was none ever, and the log has nothing that ours would have to catch up with, it is
   * activated. Throws `InlineSetChangedError` where appends of this store would miss rows.
   */
  look(tx?: OpenTransaction): Promise<void> {
    // A transaction sees what it sees.
    if (tx !== undefined) return this.#look(tx);
    this.#reading ??= this.#look(undefined).finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** Another set is active: the next append looks, in the transaction that it is made in. */
  forget(): void {
    this.#set = undefined;
  }

  /** Which of them are active, by a look at the database. */
  async states(): Promise<readonly InlineState[]> {
    const { projections, storage, whenInactive } = this.#context;
    if (storage.inline === undefined) return [];
    const { projections: active } = await storage.inline.readInlineSet();
    const inactive = without(projections, active);
    const missing = without(active, projections);
    return [
      ...without(projections, inactive).map((it) => stateOf(it, 'active')),
      ...inactive.map((it) => stateOf(it, whenInactive === 'skip' ? 'skipped' : 'inactive')),
      ...missing.map((it) => stateOf(it, 'missing')),
    ];
  }

  /** What an append has to do beside its events; undefined where this store has no inline projections, or none was ever active. */
  workOf(append: PreparedAppend): InlineWork | undefined {
    const set = this.#set;
    if (set === undefined || set.epoch === 0 || this.#context.projections.length === 0) return undefined;
    const handlers = (category: string, type: string): readonly Projection[] =>
      this.#handlers.get(`${category}\0${type}`) ?? NONE;
    return inlineWork(append, { epoch: set.epoch, handlers, settings: this.#context.settings });
  }

  async #look(tx: OpenTransaction | undefined): Promise<void> {
    const { projections, whenInactive } = this.#context;
    this.#set = undefined;
    const storage = inlineStorageOf(this.#context);
    let set = await storage.readInlineSet({ tx });
    // Once: what somebody has taken out since is not to come back by itself.
    if (set.epoch === 0 && projections.length > 0 && tx === undefined && whenInactive === 'refuse') {
      if (await isCaughtUp(this.#context, projections)) await activateInline(this.#context, projections);
      // Also where there is something to catch up with: another store may have begun, and appended it.
      set = await storage.readInlineSet();
    }
    const missing = without(set.projections, projections);
    const inactive = without(projections, set.projections);
    if (missing.length > 0 || (inactive.length > 0 && whenInactive === 'refuse')) {
      throw new InlineSetChangedError({ missing: missing.map(nameOf), inactive: inactive.map(nameOf) });
    }
    this.#use(set);
  }

  #use(set: InlineSet): void {
    this.#handlers = new Map();
    for (const projection of this.#context.projections) {
      if (without([projection], set.projections).length > 0) continue;
      for (const category of Object.keys(projection.events)) {
        for (const type of projection.types) {
          const name = `${category}\0${type}`;
          const own = this.#handlers.get(name);
          if (own === undefined) this.#handlers.set(name, [projection]);
          else own.push(projection);
        }
      }
    }
    this.#set = set;
  }
}

function stateOf({ name, version }: ProjectionId, state: InlineState['state']): InlineState {
  return { name, version, state };
}

function nameOf({ name, version }: ProjectionId): string {
  return `"${name}" version ${version}`;
}
