import { createHash } from 'node:crypto';
import { deepFreeze } from '../deep-freeze.ts';
import { initialStateOf, type AnyFold } from '../deciders/decider.ts';
import { InvalidArgumentError } from '../errors.ts';
import { checkJson, stringifyJson, type JsonValue } from '../json.ts';
import { shapeOf } from '../schema/shape.ts';
import { shapeText } from '../schema/shape-text.ts';
import type { NewSnapshot, Snapshot } from '../storage/event-storage.ts';
import { typed } from '../typed.ts';
import type { SnapshotOptions } from './snapshot-options.ts';

/** Why a snapshot could not be used, or made. */
export type SnapshotFlaw =
  /** Its checksum does not fit: it was changed, or cut. */
  | 'corrupt'
  /** It was made of another form of the state, by its `schemaVersion`. */
  | 'other-version'
  /** It was made of a state of another shape. */
  | 'other-shape'
  /** The events in the log are not those it was made of: the log was restored to an earlier state. */
  | 'other-history'
  /** `encode`, `decode` or the storage failed. */
  | 'failed';

/** A state that was made from a snapshot, or what is wrong with it. */
export type Decoded = { readonly state: unknown } | { readonly flaw: SnapshotFlaw; readonly error?: unknown };

/** How snapshots of a fold are made, and whose they are. */
export function snapshotOptionsOf(fold: AnyFold<unknown>): {
  readonly name: string;
  readonly options: SnapshotOptions<unknown>;
} {
  const options = fold.snapshots ?? { schemaVersion: 1 };
  return { name: options.name ?? fold.category, options };
}

/** A state as it is stored. Throws where it is not JSON and there is no `encode` that makes it so. */
export function encodeSnapshot(
  fold: AnyFold<unknown>,
  at: Omit<NewSnapshot, 'state' | 'checksum' | 'shape' | 'schemaVersion'>,
  state: unknown,
): NewSnapshot {
  const { options } = snapshotOptionsOf(fold);
  const facts = {
    ...at,
    schemaVersion: options.schemaVersion,
    shape: shapeOfFold(fold),
    state: textOf(options, state),
  };
  return { ...facts, checksum: checksumOf(facts) };
}

/** The state in a snapshot, if it is what this code would have made of the same events. */
export function decodeSnapshot(fold: AnyFold<unknown>, snapshot: Snapshot): Decoded {
  const { options } = snapshotOptionsOf(fold);
  if (snapshot.schemaVersion !== options.schemaVersion) return { flaw: 'other-version' };
  if (checksumOf(snapshot) !== snapshot.checksum) return { flaw: 'corrupt' };
  try {
    if (snapshot.shape !== shapeOfFold(fold)) return { flaw: 'other-shape' };
    const stored: unknown = JSON.parse(snapshot.state);
    return { state: deepFreeze(options.decode === undefined ? stored : options.decode(typed<never>(stored))) };
  } catch (error) {
    return { flaw: 'failed', error };
  }
}

function textOf(options: SnapshotOptions<unknown>, state: unknown): string {
  const checked = checkJson(options.encode === undefined ? state : options.encode(state));
  if (!('reason' in checked)) return stringifyJson(checked.value, checked.hasNegativeZero);
  const at = checked.path === '' ? 'the state' : `${checked.path} of the state`;
  throw new InvalidArgumentError('snapshots', `${at} ${checked.reason}; give snapshots.encode and snapshots.decode`);
}

/** The version of the state, and what the snapshot says of itself, belong to it: nothing of it can be changed alone. */
function checksumOf(of: Omit<NewSnapshot, 'checksum'>): string {
  const parts = [
    of.streamName,
    of.name,
    of.streamVersion,
    of.globalPosition,
    of.lastEventId,
    of.lastRecordedAt,
    of.schemaVersion,
    of.shape,
    of.state,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

const shapes = new WeakMap<object, string>();

/** The shape of the state a fold begins with: a field that is new, gone or of another type makes it another one. */
function shapeOfFold(fold: AnyFold<unknown>): string {
  let shape = shapes.get(fold);
  if (shape === undefined) {
    const { options } = snapshotOptionsOf(fold);
    const json: JsonValue = JSON.parse(textOf(options, initialStateOf(fold)));
    shape = createHash('sha256')
      .update(shapeText(shapeOf(json)))
      .digest('base64url')
      .slice(0, 16);
    shapes.set(fold, shape);
  }
  return shape;
}
