import type { AnyFold } from '../deciders/decider.ts';
import { InvalidArgumentError } from '../errors.ts';
import type { AppendContext } from '../store/append.ts';
import { EventSequence } from '../store/event-sequence.ts';
import type { LoadContext } from '../store/load.ts';
import { historyOfTypes, writtenTypes, type TypeHistory } from './changelog.ts';
import { checkLog, type CheckedShapes, type CheckShapesOptions } from './check-log.ts';
import { Trial, trySamples, type ShapeSample } from './check-shapes.ts';
import type { RecordedShape, ShapeOwner } from './recorded-shape.ts';
import { samplesOf } from './sample-values.ts';
import { shapePages } from './shape-pages.ts';
import { scanShapes, type ScannedShapes, type ScanShapesOptions } from './scan-shapes.ts';

/** Which shapes. */
export interface ShapesOf {
  readonly category?: string | undefined;
  readonly type?: string | undefined;
}

/**
 * What the log holds, by its shapes: they are recorded by appends, and this is for trying code on them, for looking, and for
 * events that are older than the catalogue.
 */
export interface StoreSchema<Target> {
  /** Recorded shapes, by category, type, version and hash. */
  shapes(of?: ShapesOf): EventSequence<RecordedShape>;
  /**
   * Goes through the log, records shapes that are not recorded, and counts the events of each: once after an upgrade from
   * code without a catalogue, and whenever counts and places are wanted. It goes on where the last scan ended, can be stopped
   * at any time, and appends go on meanwhile.
   */
  scan(options?: ScanShapesOptions): Promise<ScannedShapes>;
  /**
   * Reads, upcasts and folds events of every recorded shape with the definitions of this store and these deciders and
   * aggregates, and tells what breaks. Needs a store with categories, and changes nothing.
   *
   * @example
   * const { broken } = await store.schema.check([order, invoice]);
   * if (broken.length > 0) process.exitCode = 1;
   */
  check(targets: readonly Target[], options?: CheckShapesOptions): Promise<CheckedShapes>;
  /** Payloads of every recorded shape, with made-up values: for tests that have no database. */
  samples(of?: ShapesOf): Promise<readonly (ShapeSample & Pick<RecordedShape, 'hash'>)[]>;
  /** The same as {@link check}, on payloads that are given, which count as shapes. Does not use the database. */
  checkSamples(targets: readonly Target[], samples: readonly ShapeSample[]): CheckedShapes;
  /** What the code of now writes in place of these payloads, upcast and in the types of today; without what it cannot read. */
  rewrite(samples: readonly ShapeSample[]): readonly ShapeSample[];
  /** The types that the code of now writes, and their versions. */
  types(): readonly ShapeOwner[];
  /** How the payloads of every type have changed from version to version, and what the code says of the type today. */
  changelog(): Promise<readonly TypeHistory[]>;
}

/** The schema of a store; `use` gives its context while it is open, `foldOf` checks what belongs to it. */
export function storeSchema<Target>(
  use: () => AppendContext & LoadContext,
  foldOf: (target: Target) => AnyFold<unknown>,
): StoreSchema<Target> {
  const pagesOf = (of: ShapesOf): AsyncGenerator<readonly RecordedShape[], void, undefined> => {
    const { storage, pageSize: limit } = use();
    return shapePages(storage, { ...of, limit });
  };
  const allOf = async (of: ShapesOf): Promise<readonly RecordedShape[]> => {
    const shapes: RecordedShape[] = [];
    for await (const page of pagesOf(of)) shapes.push(...page);
    return shapes;
  };
  return {
    shapes: (of = {}) => new EventSequence(() => pagesOf(of)),
    scan: async (options = {}) => {
      const { storage, pageSize } = use();
      return scanShapes(storage, pageSize, options);
    },
    check: async (targets, options = {}) => checkLog(withCategories(use()), targets.map(foldOf), options),
    samples: async (of = {}) => {
      const shapes = await allOf(of);
      return shapes.flatMap(({ category, type, schemaVersion, hash, shape }) =>
        samplesOf(shape).map((data) => ({ category, type, schemaVersion, hash, data })),
      );
    },
    checkSamples: (targets, samples) => {
      const { registry } = withCategories(use());
      const trial = new Trial(registry);
      trySamples(trial, targets.map(foldOf), samples);
      const { broken } = trial;
      return { shapes: samples.length, generated: 0, elsewhere: 0, streams: 0, broken, suspected: [] };
    },
    rewrite: (samples) => {
      const { registry } = withCategories(use());
      const trial = new Trial(registry);
      return samples.flatMap((sample) => trial.rewrite(sample));
    },
    types: () => writtenTypes(use().categories),
    changelog: async () => historyOfTypes(await allOf({}), use().categories),
  };
}

/** Without categories, everything can be read, and nothing is known. */
function withCategories<C extends LoadContext>(context: C): C {
  if (context.categories !== undefined) return context;
  throw new InvalidArgumentError('categories', 'are not given to the store: without them it reads whatever there is');
}
