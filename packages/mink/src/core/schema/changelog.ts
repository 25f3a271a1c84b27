import { codecsOf, pastOf, type AnyEvents } from '../events/define-events.ts';
import type { Categories } from '../store/categories.ts';
import type { RecordedShape, ShapeOwner } from './recorded-shape.ts';
import { join, type Shape } from './shape.ts';
import { shapeText } from './shape-text.ts';

/** How the payloads of one type have changed. */
export interface TypeHistory {
  readonly category: string;
  readonly type: string;
  /** What the code says of it today. */
  readonly today:
    | { readonly kind: 'written'; readonly schemaVersion: number }
    | { readonly kind: 'renamed'; readonly to: string }
    | { readonly kind: 'split' }
    | { readonly kind: 'dropped'; readonly reason: string }
    /** The store does not know it, or has no categories. */
    | { readonly kind: 'unknown' };
  /** The versions that are recorded, the first one first. */
  readonly versions: readonly VersionHistory[];
}

/** The payloads of one version of a type. */
export interface VersionHistory {
  readonly schemaVersion: number;
  /** All of its shapes in one, as TypeScript would write it. */
  readonly shape: string;
  /** How many shapes are told apart. */
  readonly shapes: number;
  /** As of the last scan. */
  readonly eventCount: number;
  readonly firstPosition: number | undefined;
  readonly lastPosition: number | undefined;
  /** When the first of its shapes was recorded, in milliseconds since 1970. */
  readonly recordedAt: number;
  /** Against the version before. */
  readonly changes: readonly ShapeChange[];
}

/** One thing in which two shapes differ; `path` is `items[].price`, or empty for the value as a whole. */
export interface ShapeChange {
  readonly path: string;
  readonly change: 'added' | 'removed' | 'changed' | 'made optional' | 'made required';
  /** What it was; undefined where it was not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** The history of every type that is recorded or defined, by category and type. */
export function historyOfTypes(
  shapes: readonly RecordedShape[],
  categories: Categories | undefined,
): readonly TypeHistory[] {
  const types = new Map<string, { readonly category: string; readonly type: string }>();
  for (const { category, type } of [...definedTypes(categories), ...shapes]) {
    types.set(JSON.stringify([category, type]), { category, type });
  }
  return [...types.values()].toSorted(byName).map(({ category, type }) => {
    const own = shapes.filter((shape) => shape.category === category && shape.type === type);
    return { category, type, today: todayOf(eventsOf(categories, category), type), versions: versionsOf(own) };
  });
}

/** The types that are written today, with their versions. */
export function writtenTypes(categories: Categories | undefined): readonly ShapeOwner[] {
  return Object.entries(categories ?? {}).flatMap(([category, events]) =>
    [...codecsOf(events)].map(([type, { schemaVersion }]) => ({ category, type, schemaVersion })),
  );
}

function definedTypes(
  categories: Categories | undefined,
): readonly { readonly category: string; readonly type: string }[] {
  return Object.entries(categories ?? {}).flatMap(([category, events]) =>
    [...codecsOf(events).keys(), ...pastOf(events).keys()].map((type) => ({ category, type })),
  );
}

function eventsOf(categories: Categories | undefined, category: string): AnyEvents | undefined {
  return categories !== undefined && Object.hasOwn(categories, category) ? categories[category] : undefined;
}

function todayOf(events: AnyEvents | undefined, type: string): TypeHistory['today'] {
  if (events === undefined) return { kind: 'unknown' };
  const codec = codecsOf(events).get(type);
  if (codec !== undefined) return { kind: 'written', schemaVersion: codec.schemaVersion };
  const past = pastOf(events).get(type);
  switch (past?.kind) {
    case 'renamed':
      return { kind: 'renamed', to: past.to };
    case 'dropped':
      return { kind: 'dropped', reason: past.reason };
    case 'split':
      return { kind: 'split' };
    case undefined:
      return { kind: 'unknown' };
  }
}

function versionsOf(shapes: readonly RecordedShape[]): readonly VersionHistory[] {
  const versions = [...new Set(shapes.map(({ schemaVersion }) => schemaVersion))].toSorted((a, b) => a - b);
  let before: Shape | undefined;
  return versions.map((schemaVersion) => {
    const own = shapes.filter((shape) => shape.schemaVersion === schemaVersion);
    const whole = own.map(({ shape }) => shape).reduce(join);
    const positions = own.flatMap(({ firstPosition, lastPosition }) =>
      firstPosition === undefined || lastPosition === undefined ? [] : [firstPosition, lastPosition],
    );
    const changes = before === undefined ? [] : shapeChanges(before, whole, '');
    before = whole;
    return {
      schemaVersion,
      shape: shapeText(whole),
      shapes: own.length,
      eventCount: own.reduce((sum, { eventCount }) => sum + eventCount, 0),
      firstPosition: positions.length === 0 ? undefined : Math.min(...positions),
      lastPosition: positions.length === 0 ? undefined : Math.max(...positions),
      recordedAt: Math.min(...own.map(({ recordedAt }) => recordedAt)),
      changes,
    };
  });
}

/** In what two shapes differ, field by field. */
function shapeChanges(before: Shape, after: Shape, path: string): readonly ShapeChange[] {
  const [left, right] = [shapeText(before), shapeText(after)];
  if (left === right) return [];
  const changes: ShapeChange[] = [];
  if (sameKinds(before, after)) {
    if (before.properties !== undefined && after.properties !== undefined) {
      changes.push(...fieldChanges(before, after, path));
    }
    if (before.items !== undefined && after.items !== undefined) {
      changes.push(...shapeChanges(before.items, after.items, `${path}[]`));
    }
  }
  return changes.length > 0 ? changes : [{ path, change: 'changed', before: left, after: right }];
}

/** Whether they differ in their parts only. */
function sameKinds(before: Shape, after: Shape): boolean {
  return before.type?.join() === after.type?.join() && before.format === after.format;
}

function fieldChanges(before: Shape, after: Shape, path: string): readonly ShapeChange[] {
  const [left, right] = [
    new Map(Object.entries(before.properties ?? {})),
    new Map(Object.entries(after.properties ?? {})),
  ];
  const keys = [...new Set([...left.keys(), ...right.keys()])].toSorted();
  return keys.flatMap((key): readonly ShapeChange[] => {
    const at = path === '' ? key : `${path}.${key}`;
    const [old, now] = [left.get(key), right.get(key)];
    if (old === undefined)
      return now === undefined ? [] : [{ path: at, change: 'added', before: undefined, after: shapeText(now) }];
    if (now === undefined) return [{ path: at, change: 'removed', before: shapeText(old), after: undefined }];
    const changes = shapeChanges(old, now, at);
    const [wasRequired, isRequired] = [isRequiredIn(before, key), isRequiredIn(after, key)];
    if (wasRequired === isRequired) return changes;
    const change = isRequired ? 'made required' : 'made optional';
    return [...changes, { path: at, change, before: shapeText(old), after: shapeText(now) }];
  });
}

function isRequiredIn({ required = [] }: Shape, key: string): boolean {
  return required.includes(key);
}

function byName(
  left: { readonly category: string; readonly type: string },
  right: { readonly category: string; readonly type: string },
): number {
  const [a, b] = [JSON.stringify([left.category, left.type]), JSON.stringify([right.category, right.type])];
  return a < b ? -1 : Number(a > b);
}
