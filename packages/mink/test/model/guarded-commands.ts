import { ok, strictEqual } from 'node:assert';
import { boolean, constantFrom, nat, option, record, type Arbitrary } from 'fast-check';
import type { Hold, JsonValue } from '../../src/index.ts';
import type { GuardedEntry, GuardedEvent, GuardedInput } from './guard-model.ts';
import { appendExpiring, appendGuarded, checkKey, keepResult } from './guarded-append.ts';
import {
  EMAILS,
  entryPlans,
  firstIds,
  hold,
  keyNames,
  keys,
  KEYS,
  someValue,
  values,
  type EntryPlan,
} from './guarded-inputs.ts';
import { IDS, streamNames } from './inputs.ts';
import { resolve, step, type Step } from './step.ts';
import type { Subject } from './subject.ts';

/** A plan in the terms of an append: at least one event if there is a key, and no value that is wanted by two streams. */
function toEntries(
  subject: Subject,
  plans: readonly EntryPlan[],
  { firstId, hasKey }: { readonly firstId: number | undefined; readonly hasKey: boolean },
): readonly GuardedEntry[] {
  const wanted = new Set<string>();
  const isFirst = (set: string, value: string): boolean => {
    const { size } = wanted;
    return wanted.add(`${set} ${value}`).size > size;
  };
  let made = 0;
  return plans.map(({ streamName, expectation, payloads, holds }, at) => {
    const given = at === 0 && payloads.length === 0 && hasKey ? [null] : payloads;
    return {
      streamName,
      expectedVersion: resolve(subject.model, streamName, expectation) ?? 'any',
      events: given.map((data): GuardedEvent => {
        made += 1;
        return { type: 'Guarded', data, id: firstId === undefined ? undefined : IDS[(firstId + made) % IDS.length] };
      }),
      holds: holds?.map((it) => ({
        ...it,
        values: it.values.filter((value) => isFirst(it.set, value)),
        givenUp: it.givenUp?.filter((value) => isFirst(it.set, value)),
      })),
    };
  });
}

const appendWithGuards = step(
  'append with guards',
  record({ plans: entryPlans, key: option(keys, { nil: undefined, freq: 2 }), firstId: firstIds, expires: nat(3) }),
  async (subject, { plans, key, firstId, expires }, world) => {
    const entries = toEntries(subject, plans, { firstId, hasKey: key !== undefined });
    const input = { entries, mayBeRepeated: firstId !== undefined, key };
    await (expires === 0 ? appendExpiring(subject, input) : appendGuarded(subject, input));
    if (input.mayBeRepeated && entries.some(({ events }) => events.length > 0)) world.sentGuarded.push(input);
  },
);

/** Somebody wants a value that another stream has, which gets in return what the first one had, or nothing. */
const takeOver = step(
  'take over',
  record({ which: nat(1_000), streamName: streamNames, swap: boolean(), key: option(keys, { nil: undefined }) }),
  async (subject, { which, streamName, swap, key }) => {
    const holders = subject.guards.holders();
    const [set, value, heldBy] = holders[which % Math.max(holders.length, 1)] ?? ['email', EMAILS[0], 'A-1'];
    if (heldBy === streamName || (set !== 'email' && set !== 'number')) return;
    const had = subject.guards.valuesOf(streamName, set);
    const entry = (name: string, holds: Hold): GuardedEntry => ({
      streamName: name,
      expectedVersion: 'any',
      events: [{ type: 'Passed', data: value }],
      holds: [holds],
    });
    const entries = [entry(streamName, hold(set, [value])), entry(heldBy, hold(set, swap ? had : []))];
    await appendGuarded(subject, { entries, mayBeRepeated: false, key });
  },
);

/** Ways to send an append again, right ones and wrong ones. */
const VARIATIONS = {
  same: (input) => input,
  'without its key': (input) => ({ ...input, key: undefined }),
  'under another key': (input, key) => ({ ...input, key }),
  'with other holds': ({ entries, ...input }) => ({
    ...input,
    entries: entries.map((entry) => ({ ...entry, holds: [hold('email', [])] })),
  }),
  'with keys of objects in another order': (input) => changeData(input, turned),
  'with other content': (input) => changeData(input, (data) => ({ other: data })),
  'with 0 for -0': (input) => changeData(input, (data) => (data === 0 ? 0 : data)),
  'a part': ({ entries, ...input }) => ({
    ...input,
    entries: entries.map((entry) => ({ ...entry, events: entry.events.slice(0, 1) })),
  }),
  'on the last stream only': ({ entries, ...input }) => ({ ...input, entries: entries.slice(-1) }),
  'with other expectations': ({ entries, ...input }) => ({
    ...input,
    entries: entries.map((entry) => ({ ...entry, expectedVersion: 'no_stream' })),
  }),
} as const satisfies Record<string, (input: GuardedInput, key: GuardedInput['key']) => GuardedInput>;

function changeData({ entries, ...input }: GuardedInput, change: (data: JsonValue) => JsonValue): GuardedInput {
  return {
    ...input,
    entries: entries.map((entry) => ({
      ...entry,
      events: entry.events.map((event) => ({ ...event, data: change(event.data) })),
    })),
  };
}

/** The same value, its keys the other way round. */
function turned(data: JsonValue): JsonValue {
  if (typeof data !== 'object' || data === null) return data;
  if (isList(data)) return data.map(turned);
  const members = Object.entries(data).map(([name, value]) => [name, turned(value)] as const);
  return Object.fromEntries(members.toReversed());
}

function isList(data: JsonValue): data is readonly JsonValue[] {
  return Array.isArray(data);
}

const repeat = step(
  'repeat with guards',
  record({
    which: nat(1_000),
    variation: constantFrom<(keyof typeof VARIATIONS)[]>(
      'same',
      'same',
      'without its key',
      'under another key',
      'under another key',
      'with other holds',
      'with keys of objects in another order',
      'with other content',
      'with 0 for -0',
      'a part',
      'on the last stream only',
      'with other expectations',
    ),
    key: keys,
    isFresh: boolean(),
  }),
  async (subject, { which, variation, key, isFresh }, { sentGuarded }) => {
    const sent = sentGuarded[which % Math.max(sentGuarded.length, 1)];
    if (sent === undefined) return;
    const input = VARIATIONS[variation](sent, key);
    // Under a key that nobody has used, its ids alone say what it is.
    const fresh = { ...key, key: `fresh ${sentGuarded.length} ${which}` };
    await appendGuarded(subject, isFresh && input.key !== undefined ? { ...input, key: fresh } : input);
  },
);

const keep = step(
  'keep a result',
  record({
    key: keys,
    value: values,
    error: option(constantFrom<JsonValue[]>({ code: 'NO', message: '' }, { at: -0 }, 'no'), {
      nil: undefined,
      freq: 2,
    }),
    streamName: streamNames,
    expires: nat(2),
  }),
  async (subject, { key: { value: _value, ...key }, value, error, streamName, expires }) => {
    const entries = [{ streamName, streamVersion: subject.model.version(streamName), events: [] }];
    const outcome = error === undefined ? ({ status: 'value', entries, value } as const) : refusedWith(error);
    await keepResult(subject, { key, outcome, expires: expires === 0 });
  },
);

function refusedWith(error: JsonValue): { readonly status: 'refused'; readonly error: JsonValue } {
  return { status: 'refused', error };
}

const readKey = step('read a result', keyNames, checkKey);

const findHolder = step('find a holder', someValue, async ({ storage, guards }, { set, value }) => {
  strictEqual(await storage.findHolder(set, value), guards.holderOf(set, value));
});

/** An append that loses may have forgotten an expired result of its key already; one that is alive is never forgotten. */
const forget = step('forget what has expired', nat(0), async (subject) => {
  let expired = subject.guards.forgetExpired();
  for (let last = 2; last === 2; expired -= last) last = await subject.storage.deleteExpiredResults(2);
  ok(expired >= 0, `${-expired} results were forgotten that had not expired`);
  for (const key of KEYS) await checkKey(subject, key);
});

/** With how many of each there are to be. */
export const guardedSteps: readonly (readonly [count: number, step: Arbitrary<Step>])[] = [
  [12, appendWithGuards],
  [6, repeat],
  [4, takeOver],
  [4, keep],
  [3, readKey],
  [4, findHolder],
  [1, forget],
];
