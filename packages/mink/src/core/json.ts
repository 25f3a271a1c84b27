import type { Issue } from './errors.ts';
import { formatPath } from './events/standard-schema.ts';
import { typed } from './typed.ts';

/** A value that JSON holds without loss. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** A checked copy of a value: deep-frozen, and exactly what a reader will get back. */
export interface CheckedJson {
  readonly value: JsonValue;
  /** At least as many bytes as the JSON text has; exact sizes are computed only when this is above the limit. */
  readonly maxBytes: number;
  /** JSON.stringify turns -0 into 0; such values need {@link stringifyJson}'s slow path. */
  readonly hasNegativeZero: boolean;
}

const MAX_DEPTH = 500;
const NUMBER_BYTES = 25;
const ESCAPED_CHARACTER_BYTES = 6;

/** Thrown inside {@link checkJson}, and told on its way out where it happened. */
class NotJson extends Error {
  readonly path: (string | number)[] = [];
}

/** The error of a value that lies under `key`. */
function under(key: string | number, error: unknown): unknown {
  if (error instanceof NotJson) error.path.unshift(key);
  return error;
}

/**
 * Copies `value` and freezes the copy, or reports the first thing in it that JSON would change or drop:
 * dates, bigints, maps, class instances, functions, NaN, holes, cycles.
 *
 * A property that is `undefined` is left out: it reads back as `undefined`.
 */
export function checkJson(value: unknown): CheckedJson | Issue {
  const checker = new Checker();
  try {
    const copy = checker.copy(value, 0);
    return { value: copy, maxBytes: checker.maxBytes, hasNegativeZero: checker.hasNegativeZero };
  } catch (error) {
    if (error instanceof NotJson) return { path: formatPath(error.path), reason: error.message };
    throw error;
  }
}

/** The JSON text of a checked value. */
export function stringifyJson(value: JsonValue, hasNegativeZero: boolean): string {
  return hasNegativeZero ? stringifyExactly(value) : JSON.stringify(value);
}

class Checker {
  maxBytes = 0;
  hasNegativeZero = false;

  copy(value: unknown, depth: number): JsonValue {
    switch (typeof value) {
      case 'string':
        this.maxBytes += value.length * ESCAPED_CHARACTER_BYTES + 2;
        return value;
      case 'number':
        return this.#number(value);
      case 'boolean':
        this.maxBytes += 5;
        return value;
      case 'object':
        if (value === null) {
          this.maxBytes += 4;
          return null;
        }
        if (depth >= MAX_DEPTH) throw new NotJson(`is circular, or nested deeper than ${MAX_DEPTH} levels`);
        return Array.isArray(value) ? this.#array(value, depth) : this.#object(value, depth);
      default:
        throw new NotJson(`is ${describe(value)}, which JSON cannot hold`);
    }
  }

  #number(value: number): number {
    if (!Number.isFinite(value)) throw new NotJson(`is ${value}, which JSON cannot hold`);
    if (Object.is(value, -0)) this.hasNegativeZero = true;
    this.maxBytes += NUMBER_BYTES;
    return value;
  }

  #array(value: readonly unknown[], depth: number): JsonValue {
    if (Object.keys(value).length > value.length || !isPlainArray(value)) {
      throw new NotJson('is an array with more than its elements, which JSON would drop');
    }
    this.maxBytes += value.length + 2;
    const copy: JsonValue[] = [];
    let index = 0;
    try {
      for (; index < value.length; index += 1) copy.push(this.copy(value[index], depth + 1));
    } catch (error) {
      throw under(index, error);
    }
    return Object.freeze(copy);
  }

  #object(value: object, depth: number): JsonValue {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null && !isPlainFromElsewhere(prototype)) {
      throw new NotJson(
        `is ${describe(value)}, which JSON would change: give the event a schema with a codec, or convert it first`,
      );
    }
    if (Object.getOwnPropertySymbols(value).length > 0) throw new NotJson('has a symbol as a key');
    this.maxBytes += 2;
    const source = typed<Readonly<Record<string, unknown>>>(value);
    const copy: Record<string, JsonValue> = {};
    let at = '';
    try {
      // Not Object.entries: the list would cost more than the copy.
      for (const key in source) {
        if (!Object.hasOwn(source, key)) continue;
        const item = source[key];
        if (item === undefined) continue;
        at = key;
        this.maxBytes += key.length * ESCAPED_CHARACTER_BYTES + 4;
        setOwn(copy, key, this.copy(item, depth + 1));
      }
    } catch (error) {
      throw under(at, error);
    }
    return Object.freeze(copy);
  }
}

/** `object.__proto__ = …` would change the prototype instead of adding a key. */
function setOwn(target: Record<string, JsonValue>, key: string, value: JsonValue): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else {
    target[key] = value;
  }
}

/** Not an instance of a subclass, and without a toJSON: both would lose what makes them special. */
function isPlainArray(value: readonly unknown[]): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Array.prototype || (Array.isArray(prototype) && Object.hasOwn(Object(prototype), 'concat'));
}

/** `Object.prototype` of another realm (a test runner's VM context): it has no prototype of its own. */
function isPlainFromElsewhere(prototype: unknown): boolean {
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf')
  );
}

function describe(value: unknown): string {
  if (value === undefined) return 'undefined';
  if (typeof value === 'bigint') return 'a bigint';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  const name = value?.constructor?.name;
  return name === undefined || name === '' ? 'an object of a class' : `a ${name}`;
}

/** JSON.stringify, but -0 stays -0 (JSON can say it, and JSON.parse reads it). */
function stringifyExactly(value: JsonValue): string {
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : JSON.stringify(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isJsonArray(value)) return `[${value.map(stringifyExactly).join(',')}]`;
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${stringifyExactly(item)}`);
  return `{${members.join(',')}}`;
}

function isJsonArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

/** Whether two JSON values are the same, whatever the order of their keys. */
export function sameJson(left: JsonValue, right: JsonValue): boolean {
  if (Object.is(left, right)) return true;
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') return false;
  if (isJsonArray(left) || isJsonArray(right)) {
    if (!isJsonArray(left) || !isJsonArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => {
      const other = right[index];
      return other !== undefined && sameJson(item, other);
    });
  }
  const keys = Object.keys(left);
  if (keys.length !== Object.keys(right).length) return false;
  return keys.every((key) => {
    if (!Object.hasOwn(right, key)) return false;
    const [mine, theirs] = [left[key], right[key]];
    return mine !== undefined && theirs !== undefined && sameJson(mine, theirs);
  });
}
