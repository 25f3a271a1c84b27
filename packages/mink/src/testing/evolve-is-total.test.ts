import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { defineDecider, defineEvents, payload, upcastFrom } from '../core/index.ts';
import { evolveIsTotal } from './evolve-is-total.ts';
import { readFixtures } from './fixtures.ts';

const events = defineEvents({
  Opened: payload<object>(),
  ItemAdded: upcastFrom(payload<{ sku: string }>())
    .to(2, ({ sku }) => ({ skus: [sku] }))
    .now(payload<{ skus: readonly string[] }>()),
});

function cartWith(first: readonly string[] | undefined) {
  return defineDecider({
    category: 'Cart',
    events,
    initialState: (): { readonly skus: readonly string[] | undefined } => ({ skus: first }),
    evolve: (state, event) => {
      if (event.type === 'Opened') return { skus: [] };
      if (state.skus === undefined) throw new Error('not open');
      return { skus: [...state.skus, ...event.data.skus] };
    },
    decide: () => [],
  });
}

const stored = [
  { category: 'Cart', type: 'Opened', data: {} },
  { category: 'Cart', type: 'ItemAdded', schemaVersion: 1, data: { sku: 'a' } },
  { category: 'Cart', type: 'ItemAdded', schemaVersion: 2, data: { skus: ['b'] } },
  { category: 'Other', type: 'Unknown', data: {} },
];

describe('evolveIsTotal', () => {
  test('passes for a fold that takes every recorded payload in every state', () => {
    evolveIsTotal(cartWith([]), stored, { seed: 1 });
  });

  test('tells the seed and the events that fail, and fails again with that seed', () => {
    const attempt = (seed?: number): string => {
      try {
        evolveIsTotal(cartWith(undefined), stored, { seed });
      } catch (error) {
        if (error instanceof Error) return error.message;
      }
      return '';
    };
    const message = attempt();
    expect(message).toContain("type: 'ItemAdded'");
    const seed = Number(/SEED=(?<seed>\d+)/u.exec(message)?.groups?.['seed']);
    expect(attempt(seed)).toBe(message);
  });

  test('refuses to check nothing', () => {
    expect(() => evolveIsTotal(cartWith([]), [])).toThrow('nothing was checked');
    expect(() => evolveIsTotal(cartWith([]), stored, { runs: 0 })).toThrow('runs');
  });
});

describe('readFixtures', () => {
  test('gives the payloads of all files below a directory, by name', () => {
    const directory = mkdtempSync(join(tmpdir(), 'mink-fixtures-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    mkdirSync(join(directory, 'Cart'));
    const fixture = { category: 'Cart', type: 'ItemAdded', schemaVersion: 1, payloads: [{ sku: 'a' }, { sku: 'b' }] };
    writeFileSync(join(directory, 'Cart/ItemAdded.v1.json'), JSON.stringify(fixture));
    writeFileSync(join(directory, 'README.md'), 'What these are.');
    const file = join('Cart', 'ItemAdded.v1.json');
    const of = { category: 'Cart', type: 'ItemAdded', schemaVersion: 1, file };
    expect(readFixtures(directory)).toEqual([
      { ...of, data: { sku: 'a' } },
      { ...of, data: { sku: 'b' } },
    ]);
    writeFileSync(join(directory, 'Cart/wrong.json'), '[]');
    expect(() => readFixtures(directory)).toThrow('wrong.json" is no fixture');
    writeFileSync(join(directory, 'Cart/wrong.json'), '[');
    expect(() => readFixtures(directory)).toThrow('wrong.json" is not JSON');
  });
});
