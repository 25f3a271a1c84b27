import type { JsonObject, JsonValue } from '../json.ts';
import { ProjectionFailedError, ReadModelFullError } from '../projection-errors.ts';
import type { RecordedEvent } from '../storage/event-storage.ts';
import type { EventRegistry } from '../store/event-registry.ts';
import type { Projection } from './define-projection.ts';
import { evolveRow, keyedEvent } from './projection-batch.ts';

/** Which keys, and how many. */
export interface ProjectedModelsOptions {
  /** Only what is under this key. */
  readonly key?: string | undefined;
  /** Keys it may hold, at most. */
  readonly maxKeys: number;
}

/**
 * A read model in memory, by the rules of the one in the database: a key at which an event fails stays as it was, and what comes
 * after it for the same key is not applied; other keys go on.
 */
export class ProjectedModels {
  readonly #registry: EventRegistry;
  readonly #projection: Projection;
  readonly #options: ProjectedModelsOptions;
  readonly #rows = new Map<string, JsonObject>();
  readonly #models = new Map<string, JsonValue>();
  readonly #failed = new Map<string, ProjectionFailedError>();

  constructor(registry: EventRegistry, projection: Projection, options: ProjectedModelsOptions) {
    this.#registry = registry;
    this.#projection = projection;
    this.#options = options;
  }

  /** What a handler gets, by key. */
  get models(): ReadonlyMap<string, JsonValue> {
    return this.#models;
  }

  /** The keys that have stopped, and what they stopped at. */
  get failed(): ReadonlyMap<string, ProjectionFailedError> {
    return this.#failed;
  }

  /**
   * Applies an event, and gives back the keys that have changed, or failed. Throws `ProjectionFailedError`
   * where its keys cannot be told, and `ReadModelFullError`.
   */
  apply(event: RecordedEvent): readonly string[] {
    const { parts, error } = keyedEvent(this.#registry, this.#projection, event);
    if (parts === undefined) {
      const failure = new ProjectionFailedError(this.#projection.name, event, error);
      // The order of some key would be lost.
      if (this.#projection.hasOwnKeys) throw failure;
      return this.#isWanted(event.streamName) ? [this.#fail(event.streamName, failure)] : [];
    }
    const changed: string[] = [];
    for (const [key, own] of parts) {
      if (!this.#isWanted(key)) continue;
      try {
        this.#set(key, evolveRow(this.#projection, this.#rows.get(key) ?? null, key, own));
      } catch (failure) {
        if (failure instanceof ReadModelFullError) throw failure;
        this.#fail(key, new ProjectionFailedError(this.#projection.name, event, failure));
      }
      changed.push(key);
    }
    return changed;
  }

  #isWanted(key: string): boolean {
    return (this.#options.key ?? key) === key && !this.#failed.has(key);
  }

  #fail(key: string, failure: ProjectionFailedError): string {
    this.#makeRoom(key);
    this.#failed.set(key, failure);
    return key;
  }

  #set(key: string, row: JsonObject | null): void {
    if (row === null) {
      this.#rows.delete(key);
      this.#models.delete(key);
      return;
    }
    this.#makeRoom(key);
    this.#rows.set(key, row);
    this.#models.set(key, this.#projection.readModel.fromRow(row));
  }

  #makeRoom(key: string): void {
    const { maxKeys } = this.#options;
    if (this.#models.has(key) || this.#models.size + this.#failed.size < maxKeys) return;
    throw new ReadModelFullError(this.#projection.name, maxKeys);
  }
}
