import type { JsonValue } from '../json.ts';
import { isName } from './shape.ts';
import { formatOf, type StringFormat } from './string-format.ts';

const IDS = { null: 0, boolean: 1, integer: 2, number: 3, string: 4 };
const FORMAT_IDS: Readonly<Record<StringFormat, number>> = {
  date: 5,
  'date-time': 6,
  decimal: 7,
  email: 8,
  uri: 9,
  uuid: 10,
};
const FIRST_ID = 11;
/** Beyond, everything is forgotten: what comes then is looked at anew. */
const MAX_NODES = 20_000;

/** A place in the tree of what was seen so far: an object, as far as its properties go, or an array of these elements. */
interface Node {
  /** From the name of a property, and the id of its value, to the next place. */
  readonly next: Map<string, Map<number, Node>>;
  /** Of what ends here. */
  id: number | undefined;
}

/**
 * Numbers the shapes that a process has seen, so that one that is known is told by a walk, without making it: values of
 * one number have one shape. (Not the other way round: the order of properties and the elements of an array make others.)
 */
export class ShapeIds {
  #object = newNode();
  #array = newNode();
  #map = newNode();
  #nodes = 0;
  #next = FIRST_ID;

  /** The number of a value. */
  idOf(value: JsonValue): number {
    switch (typeof value) {
      case 'string': {
        const format = formatOf(value);
        return format === undefined ? IDS.string : FORMAT_IDS[format];
      }
      case 'number':
        return Number.isInteger(value) ? IDS.integer : IDS.number;
      case 'boolean':
        return IDS.boolean;
      default:
        if (value === null) return IDS.null;
        return isArray(value) ? this.#idOfSet(this.#array, value) : this.#idOfObject(value);
    }
  }

  /** Forgets, where there is too much to keep; then the numbers given so far are worth nothing any more. */
  trim(): boolean {
    if (this.#nodes <= MAX_NODES) return false;
    this.#object = newNode();
    this.#array = newNode();
    this.#map = newNode();
    this.#nodes = 0;
    return true;
  }

  #idOfObject(value: Readonly<Record<string, JsonValue>>): number {
    let node = this.#object;
    // Not Object.entries: the list would cost more than the walk.
    for (const key in value) {
      const item = value[key];
      if (item === undefined || !Object.hasOwn(value, key)) continue;
      const next = this.#step(node, key, this.idOf(item));
      if (next === undefined) return this.#idOfSet(this.#map, Object.values(value));
      node = next;
    }
    return this.#idAt(node);
  }

  /** Whatever the order, and however often. */
  #idOfSet(root: Node, elements: readonly JsonValue[]): number {
    const ids = new Set<number>();
    for (const element of elements) ids.add(this.idOf(element));
    let node = root;
    for (const id of ids.size > 1 ? [...ids].toSorted((left, right) => left - right) : ids) {
      node = this.#stepTo(node, '', id);
    }
    return this.#idAt(node);
  }

  /** Undefined for a key that is no name: then the object is a map. */
  #step(node: Node, key: string, id: number): Node | undefined {
    const known = node.next.get(key)?.get(id);
    if (known !== undefined) return known;
    return isName(key) ? this.#stepTo(node, key, id) : undefined;
  }

  #stepTo(node: Node, key: string, id: number): Node {
    let byId = node.next.get(key);
    if (byId === undefined) node.next.set(key, (byId = new Map()));
    let next = byId.get(id);
    if (next === undefined) {
      byId.set(id, (next = newNode()));
      this.#nodes += 1;
    }
    return next;
  }

  #idAt(node: Node): number {
    if (node.id === undefined) {
      node.id = this.#next;
      this.#next += 1;
    }
    return node.id;
  }
}

function newNode(): Node {
  return { next: new Map(), id: undefined };
}

function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}
