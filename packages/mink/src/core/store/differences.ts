/** One thing in which two states differ: `path` is `items[2].price`, or empty for the state as a whole. */
export interface Difference {
  readonly path: string;
  /** Undefined where it was not there. */
  readonly before: unknown;
  /** Undefined where it is not there any more. */
  readonly after: unknown;
}

/**
 * In what two states differ, in the order of their parts. Objects of one kind are compared part by part; maps by key, sets
 * by value; everything else as a whole, dates by their time.
 */
export function differences(before: unknown, after: unknown): readonly Difference[] {
  const found: Difference[] = [];
  const left: { readonly path: string; readonly before: unknown; readonly after: unknown }[] = [
    { path: '', before, after },
  ];
  // A stack of our own: state may be nested deeper than calls may be.
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const parts = partsOf(next.before, next.after);
    if (parts === undefined) {
      if (!isSame(next.before, next.after)) found.push(next);
      continue;
    }
    const { path } = next;
    for (const { name, ...values } of parts.toReversed())
      left.push({ path: `${path}${path === '' ? name.replace(/^\./u, '') : name}`, ...values });
  }
  return found;
}

interface Part {
  /** `.price`, `[2]` or `["a b"]`. */
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The parts of two values of one kind; undefined where they are to be compared as they are. */
function partsOf(before: unknown, after: unknown): readonly Part[] | undefined {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return undefined;
  if (Object.is(before, after)) return [];
  if (Object.getPrototypeOf(before) !== Object.getPrototypeOf(after)) return undefined;
  if (before instanceof Map && after instanceof Map) {
    const keys = new Set<unknown>([...before.keys(), ...after.keys()]);
    return [...keys].map((key) => ({ name: nameOf(key), before: before.get(key), after: after.get(key) }));
  }
  if (before instanceof Set && after instanceof Set) {
    const values = new Set<unknown>([...before, ...after]);
    return [...values].map((value) => ({
      name: nameOf(value),
      before: valueIn(before, value),
      after: valueIn(after, value),
    }));
  }
  if (before instanceof Date || ArrayBuffer.isView(before)) return undefined;
  const [first, second]: readonly [object, object] = [before, after];
  const keys = new Set([...Object.keys(first), ...Object.keys(second)]);
  const isList = Array.isArray(before);
  return [...keys].map((key) => ({
    name: isList ? `[${key}]` : nameOf(key),
    before: Reflect.get(first, key),
    after: Reflect.get(second, key),
  }));
}

function nameOf(key: unknown): string {
  if (typeof key === 'string' && /^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(key)) return `.${key}`;
  return `[${typeof key === 'string' ? JSON.stringify(key) : String(key)}]`;
}

function isSame(before: unknown, after: unknown): boolean {
  if (before instanceof Date && after instanceof Date) return Object.is(before.getTime(), after.getTime());
  if (ArrayBuffer.isView(before) && ArrayBuffer.isView(after)) {
    return Buffer.from(bytesOf(before)).equals(Buffer.from(bytesOf(after)));
  }
  return Object.is(before, after);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function valueIn(set: Set<unknown>, value: unknown): unknown {
  return set.has(value) ? value : undefined;
}
