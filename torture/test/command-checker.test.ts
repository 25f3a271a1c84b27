import { describe, expect, test } from 'vitest';
import { checkCommands } from '../src/check/check-commands.ts';
import { checkHolders } from '../src/check/check-holders.ts';
import type { CommandHistory, GivenAnswer } from '../src/commands/answers.ts';
import type { ClaimRow, NamingEvent } from '../src/commands/read-holders.ts';
import type { LoggedEvent } from '../src/history.ts';

/** One command with two events, one that was refused, one whose value was taken, one without events. Nothing is wrong. */
const log: readonly LoggedEvent[] = [logged(1, 'c-1', 0), logged(2, 'c-1', 1)];
const done: GivenAnswer = {
  status: 'done',
  content: 'first',
  events: [
    { id: 'event-1', position: 1 },
    { id: 'event-2', position: 2 },
  ],
  isRepeat: false,
};
const again: GivenAnswer = { ...done, isRepeat: true };
const refused: GivenAnswer = { status: 'refused', content: 'no', isRepeat: false };
const taken: GivenAnswer = { status: 'taken', content: 'has it', isRepeat: false };
const open: GivenAnswer = { status: 'open', reason: 'connection lost', isRepeat: false };
const nothing: GivenAnswer = { status: 'done', content: 'nothing', events: [], isRepeat: false };
const commands: readonly CommandHistory[] = [
  command('c-1', open, done, again),
  command('c-2', refused, refused),
  command('c-3', open, taken),
  command('c-4', nothing),
];
const results = new Map([
  ['c-1', 'appended'],
  ['c-2', 'refused'],
  ['c-4', 'value'],
]);

function logged(position: number, attempt: string, index: number): LoggedEvent {
  return {
    position,
    id: `event-${position}`,
    streamName: 'Account-1',
    category: 'Account',
    version: position,
    type: 'Deposited',
    recordedAt: 1_000,
    commitId: position - index,
    commitIndex: index,
    commitSize: 1,
    origin: { attempt, index },
  };
}

function command(id: string, ...answers: readonly GivenAnswer[]): CommandHistory {
  const data = { account: '1', other: '2', amount: 1, email: 'a', number: '1' };
  return { id, type: 'Deposit', data, answers };
}

/** The commands with one of them told something else. */
function changed(id: string, ...answers: readonly GivenAnswer[]): readonly CommandHistory[] {
  return commands.map((each) => (each.id === id ? command(id, ...answers) : each));
}

function kinds(
  world: Partial<Parameters<typeof checkCommands>[0]>,
): readonly (readonly [string, string | undefined])[] {
  return checkCommands({ commands, log, results, ...world }).map(({ kind, attempt }) => [kind, attempt]);
}

describe('commands and what came of them', () => {
  test('are right when nothing is wrong', () => {
    expect(kinds({})).toEqual([]);
  });

  test('an effect that is there twice is found', () => {
    expect(kinds({ log: [...log, logged(7, 'c-1', 0)] })).toEqual([['repeated', 'c-1']]);
  });

  test('an effect that was told and is not there, or not there whole, is found', () => {
    expect(kinds({ log: log.slice(1) })).toEqual([['lost', 'c-1']]);
    expect(kinds({ log: [] })).toEqual([
      ['lost', 'c-1'],
      ['lost', 'c-1'],
    ]);
  });

  test('an effect that nobody was told of is found', () => {
    expect(kinds({ log: [...log, logged(3, 'c-1', 2)] })).toEqual([['answer', 'c-1']]);
  });

  test('events of a command that was refused, or whose value was taken, are found', () => {
    expect(kinds({ log: [...log, logged(3, 'c-2', 0)] })).toEqual([['phantom', 'c-2']]);
    expect(kinds({ log: [...log, logged(3, 'c-3', 0)] })).toEqual([['phantom', 'c-3']]);
  });

  test('events without a command are found', () => {
    expect(kinds({ log: [...log, logged(3, 'c-9', 0)] })).toEqual([['phantom', 'c-9']]);
    expect(kinds({ log: [...log, { ...logged(3, '', 0), origin: undefined }] })).toEqual([['phantom', undefined]]);
  });

  test('two answers that differ are found, whatever they are', () => {
    expect(kinds({ commands: changed('c-1', done, { ...again, content: 'second' }) })).toEqual([['answer', 'c-1']]);
    expect(kinds({ commands: changed('c-1', done, { ...refused, isRepeat: true }) })).toEqual([['answer', 'c-1']]);
    expect(kinds({ commands: changed('c-2', refused, { ...refused, content: 'never' }) })).toEqual([['answer', 'c-2']]);
    expect(kinds({ commands: changed('c-2', refused, { ...nothing, isRepeat: true }) })).toContainEqual([
      'answer',
      'c-2',
    ]);
  });

  test('a value that is taken may be the first answer, and not one after the last word', () => {
    expect(kinds({ commands: changed('c-1', taken, done) })).toEqual([]);
    expect(kinds({ commands: changed('c-1', done, { ...taken, isRepeat: true }) })).toEqual([['answer', 'c-1']]);
  });

  test('a command that nobody was told of is found', () => {
    expect(kinds({ commands: changed('c-3', open) })).toEqual([['stuck', 'c-3']]);
  });

  test('a result that is not kept, or as another one, is found', () => {
    expect(kinds({ results: new Map([...results].slice(1)) })).toEqual([['lost', 'c-1']]);
    expect(kinds({ results: new Map([...results, ['c-2', 'value']]) })).toEqual([['answer', 'c-2']]);
    expect(kinds({ results: new Map([...results, ['c-3', 'refused']]) })).toEqual([['answer', 'c-3']]);
  });
});

describe('holders of values', () => {
  const namings: readonly NamingEvent[] = [
    { streamName: 'Account-1', commitId: 1, values: { email: 'a', number: '1' } },
    { streamName: 'Account-2', commitId: 2, values: { email: 'b' } },
    // They swap, in one commit.
    { streamName: 'Account-1', commitId: 3, values: { email: 'b' } },
    { streamName: 'Account-2', commitId: 3, values: { email: 'a' } },
    { streamName: 'Account-1', commitId: 5, values: { email: null, number: '2' } },
  ];
  const claims: readonly ClaimRow[] = [
    { set: 'email', value: 'a', streamName: 'Account-2', isHeld: true },
    { set: 'number', value: '1', streamName: 'Account-1', isHeld: false },
    { set: 'number', value: '2', streamName: 'Account-1', isHeld: true },
  ];
  const messages = (events: readonly NamingEvent[], rows: readonly ClaimRow[] = claims): readonly string[] =>
    checkHolders(events, rows).map(({ message }) => message);

  test('are right when nothing is wrong', () => {
    expect(messages(namings)).toEqual([]);
  });

  test('two of one value are found, also for a time', () => {
    const early = namings.map((event, index) => (index === 3 ? { ...event, commitId: 4 } : event));
    expect(messages(early)).toEqual(['after commit 3, Account-1 and Account-2 both hold email b']);
  });

  test('a value for all time that went to another stream is found', () => {
    const stolen: NamingEvent = { streamName: 'Account-2', commitId: 6, values: { number: '1' } };
    expect(messages([...namings, stolen])).toContain("got number 1, which is Account-1's for all time");
  });

  test('a table that says anything else than the events is found', () => {
    expect(messages(namings, claims.slice(1))).toEqual([
      'email a: Account-2 is unknown in the table, and held by the events',
    ]);
    const extra: ClaimRow = { set: 'email', value: 'c', streamName: 'Account-1', isHeld: true };
    expect(messages(namings, [...claims, extra])).toEqual([
      'email c: Account-1 is held in the table, and unknown by the events',
    ]);
    const kept = claims.map((row) => ({ ...row, isHeld: true }));
    expect(messages(namings, kept)).toEqual(['number 1: Account-1 is held in the table, and given up by the events']);
  });
});
