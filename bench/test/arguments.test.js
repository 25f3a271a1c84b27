import { describe, expect, test } from 'vitest';
import { ArgumentError, parseArguments, SUBJECTS } from '../lib/arguments.js';
import { parseGrowthArguments } from '../lib/growth-arguments.js';
import { parseProfileArguments } from '../lib/profile-arguments.js';
import { works } from '../lib/works.js';

const names = ({ works }) => works.map(({ name }) => name);

describe('the options of the benchmark', () => {
  test('without any, everything runs', () => {
    const options = parseArguments([]);
    expect(names(options)).toEqual(works.map(({ name }) => name));
    expect(options).toMatchObject({ mode: 'run', subjects: SUBJECTS, rounds: 5, seconds: 5, runs: 1 });
  });

  test('rows and works can be chosen by name, in lists and one by one', () => {
    expect(names(parseArguments(['--only', 'append-1-seq,load-10', '--only', 'idle']))).toEqual([
      'append-1-seq',
      'load-10',
      'idle',
    ]);
  });

  test('a row brings the work that measures it, once', () => {
    expect(names(parseArguments(['--only', 'latency-p99,latency-p50']))).toEqual(['latency']);
    expect(names(parseArguments(['--only', 'wal-bytes']))).toEqual(['append-1-c32']);
  });

  test('a quick look takes a second a row, and leaves the longest out unless it is asked for', () => {
    expect(parseArguments(['--quick'])).toMatchObject({ rounds: 1, seconds: 1 });
    expect(names(parseArguments(['--quick']))).not.toContain('catchup-1m');
    expect(names(parseArguments(['--quick']))).not.toContain('projection-1m');
    expect(names(parseArguments(['--quick', '--only', 'catchup-1m']))).toEqual(['catchup-1m']);
    expect(parseArguments(['--quick', '--rounds', '3'])).toMatchObject({ rounds: 3, seconds: 1 });
  });

  test('help and the list need nothing else', () => {
    expect(parseArguments(['--help'])).toEqual({ mode: 'help' });
    expect(parseArguments(['--list'])).toEqual({ mode: 'list' });
  });

  test.each([
    [['--only', 'append-1-c31'], '"append-1-c31"'],
    [['--subjects', 'mink,flor'], '"flor"'],
    [['--rounds', '0'], 'from 1 to 100'],
    [['--rounds', '1.5'], 'from 1 to 100'],
    [['--seconds', 'soon'], 'above 0'],
    [['--seconds', '-1'], '--seconds'],
    [['--runs', ''], 'from 1 to 20'],
    [['--shrink', '0'], 'from 1 to 1000'],
    [['--fast'], '--fast'],
    [['append-1-seq'], 'append-1-seq'],
    [['--rounds'], '--rounds'],
  ])('%j is refused with what is wrong', (args, part) => {
    expect(() => parseArguments(args)).toThrow(ArgumentError);
    expect(() => parseArguments(args)).toThrow(part);
  });
});

describe('the options of the other programs', () => {
  test('levels of growth rise and are large enough', () => {
    expect(parseGrowthArguments([]).levels).toEqual([100_000, 1_000_000, 10_000_000]);
    expect(parseGrowthArguments(['--levels', '100000,1_000_000']).levels).toEqual([100_000, 1_000_000]);
    expect(() => parseGrowthArguments(['--levels', '1000'])).toThrow('below 100000');
    expect(() => parseGrowthArguments(['--levels', '1000000,100000'])).toThrow('must rise');
    expect(() => parseGrowthArguments(['--levels', 'many'])).toThrow(ArgumentError);
  });

  test('settings of PostgreSQL are names and values', () => {
    expect(parseGrowthArguments(['--set', 'shared_buffers=1GB', '--set', 'jit=off']).settings).toEqual({
      shared_buffers: '1GB',
      jit: 'off',
    });
    expect(() => parseGrowthArguments(['--set', 'shared_buffers'])).toThrow('NAME=VALUE');
  });

  test('a profile takes numbers of writers', () => {
    expect(parseProfileArguments(['--writers', '1,256']).writers).toEqual([1, 256]);
    expect(() => parseProfileArguments(['--writers', 'all'])).toThrow(ArgumentError);
  });
});

test('every row of the catalogue has a name of its own, a unit and a direction', () => {
  const rows = works.flatMap((work) => work.rows);
  expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  for (const { unit, better } of rows) {
    expect(unit).not.toBe('');
    expect(['higher', 'lower']).toContain(better);
    // Whoever reads the results may rely on it.
    expect(better).toBe(unit.endsWith('/s') || unit === 'times as fast' ? 'higher' : 'lower');
  }
});
