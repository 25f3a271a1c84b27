import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [first = ''] = [...readme.matchAll(/```ts\n(?<code>[\s\S]*?)```/gu)].map((match) => match.groups?.['code'] ?? '');
// Words in comments and strings are not code.
const code = first.replaceAll(/\/\/.*$/gmu, '').replaceAll(/'[^']*'/gu, "''");

test('the first feature is a file of at most 60 lines, from events to test', () => {
  expect(first.trimEnd().split('\n').length).toBeLessThanOrEqual(60);
  for (const part of ['defineEvents', 'defineDecider', 'test(', 'given(', 'store.execute'])
    expect(code).toContain(part);
});

test('the first feature has no any, no cast, no non-null assertion and no written type argument', () => {
  expect(code).not.toMatch(/\bany\b|\bas\b|\bsatisfies\b|@ts-|[\w)\]]!(?!=)/u);
  expect(code).not.toMatch(/\w<[^=]/u);
});
