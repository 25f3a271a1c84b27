import { deepStrictEqual, strictEqual } from 'node:assert';
import { MAX_SHAPES, REST_HASH, type EventStorage, type NewShape, type Shape } from '../../core/index.ts';
import { counted, type Rule } from './contract-case.ts';

const owner = { category: 'Order', type: 'ItemAdded', schemaVersion: 1 };
const text: Shape = { type: ['string'] };
const whole: Shape = { type: ['integer'] };

function shapeNamed(hash: string, change: Partial<NewShape> = {}): NewShape {
  return { ...owner, hash, shape: text, replaces: undefined, ...change };
}

function nameOf(it: Pick<NewShape, 'category' | 'type' | 'schemaVersion'>): string {
  return `${it.category} ${it.type} ${it.schemaVersion}`;
}

async function hashesOf(storage: EventStorage): Promise<readonly string[]> {
  return (await storage.listShapes({ ...owner, limit: 1_000 })).map(({ hash }) => hash);
}

/** What a storage does with the shapes of payloads, and a store before it appends. */
export const shapeRules: readonly Rule[] = [
  {
    name: 'a shape is recorded once, and listed as it is',
    check: async ({ storage }) => {
      const shape: Shape = {
        type: ['null', 'object'],
        properties: { 'a ü': text, ['__proto__']: { type: ['array'], items: whole } },
        required: ['a ü'],
      };
      await storage.recordShape(shapeNamed('h', { shape }));
      await storage.recordShape(shapeNamed('h', { shape: text }));
      const [found, ...others] = await storage.listShapes({ ...owner, limit: 10 });
      deepStrictEqual(others, []);
      if (found === undefined) throw new Error('no shape');
      const { recordedAt, ...rest } = found;
      strictEqual(JSON.stringify(rest.shape), JSON.stringify(shape));
      const counts = { eventCount: 0, firstPosition: undefined, lastPosition: undefined };
      deepStrictEqual({ ...rest, shape: undefined }, { ...owner, hash: 'h', shape: undefined, ...counts });
      strictEqual(Number.isSafeInteger(recordedAt), true);
    },
  },
  {
    name: 'shapes are listed page by page, in order, and by category, type and version',
    check: async ({ storage }) => {
      for (const schemaVersion of [10, 9]) {
        for (const type of ['b', 'B', 'a']) await storage.recordShape(shapeNamed('h', { type, schemaVersion }));
      }
      await storage.recordShape(shapeNamed('h', { category: 'Invoice', type: 'a' }));
      const all = await storage.listShapes({ limit: 100 });
      deepStrictEqual(all.map(nameOf), [
        'Invoice a 1',
        'Order B 9',
        'Order B 10',
        'Order a 9',
        'Order a 10',
        'Order b 9',
        'Order b 10',
      ]);
      const rest = await storage.listShapes({ after: all[1], limit: 2 });
      deepStrictEqual(rest.map(nameOf), ['Order B 10', 'Order a 9']);
      const some = await storage.listShapes({ category: 'Order', type: 'a', limit: 10 });
      deepStrictEqual(some.map(nameOf), ['Order a 9', 'Order a 10']);
    },
  },
  {
    name: 'there are no more shapes of a type and version than there is room for, and one that takes in the rest',
    check: async ({ storage }) => {
      for (let n = 1; n <= MAX_SHAPES + 2; n += 1) await storage.recordShape(shapeNamed(`h${n}`));
      strictEqual((await hashesOf(storage)).length, MAX_SHAPES);
      await storage.recordShape(shapeNamed('h', { schemaVersion: 2 }));
      await storage.recordShape(shapeNamed(REST_HASH));
      await storage.recordShape(shapeNamed(REST_HASH, { shape: whole, replaces: text }));
      // Somebody who does not know of that gains nothing.
      await storage.recordShape(shapeNamed(REST_HASH, { shape: text, replaces: text }));
      await storage.recordShape(shapeNamed(REST_HASH, { shape: text }));
      const hashes = await hashesOf(storage);
      strictEqual(hashes.length, MAX_SHAPES + 1);
      const rest = (await storage.listShapes({ ...owner, limit: 1_000 })).find(({ hash }) => hash === REST_HASH);
      deepStrictEqual(rest?.shape.type, ['integer']);
      strictEqual((await storage.listShapes({ schemaVersion: 2, limit: 10 })).length, 1);
    },
  },
  {
    name: 'counts only grow, until they are reset',
    check: async ({ storage }) => {
      await storage.recordShape(shapeNamed('h'));
      const countsOf = async (): Promise<readonly unknown[]> => {
        const [found] = await storage.listShapes({ ...owner, limit: 10 });
        return [found?.eventCount, found?.firstPosition, found?.lastPosition];
      };
      const of = { ...owner, hash: 'h' };
      await storage.saveShapeCounts([{ ...of, eventCount: 3, firstPosition: 5, lastPosition: 9 }]);
      await storage.saveShapeCounts([
        { ...of, eventCount: 2, firstPosition: 4, lastPosition: 7 },
        { ...of, hash: 'gone', eventCount: 1, firstPosition: 1, lastPosition: 1 },
      ]);
      deepStrictEqual(await countsOf(), [3, 4, 9]);
      await storage.resetShapeCounts();
      deepStrictEqual(await countsOf(), [0, undefined, undefined]);
      deepStrictEqual(await hashesOf(storage), ['h']);
    },
  },
  {
    name: 'the shape of an event is recorded before it is appended, and stays when the append fails',
    check: async ({ store, storage }) => {
      await store.append('Order-1', counted(3));
      await store.append('Order-1', [{ type: 'Refused', data: 'x' }], { expectedVersion: 7 }).catch(() => undefined);
      await store.append('Order-1', counted(1));
      const shapes = await storage.listShapes({ limit: 10 });
      deepStrictEqual(
        shapes.map(({ type, schemaVersion, shape }) => [type, schemaVersion, JSON.stringify(shape)]),
        [
          ['Counted', 1, '{"type":["object"],"properties":{"n":{"type":["integer"]}},"required":["n"]}'],
          ['Refused', 1, '{"type":["string"]}'],
        ],
      );
    },
  },
];
