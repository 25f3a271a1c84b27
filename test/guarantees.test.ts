import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './support/markdown.ts';

const PAGES = ['docs/guarantees.md', 'docs/promises.md'];

function rowsOf(page: string): readonly string[] {
  return readFileSync(join(root, page), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| **'));
}
const TEST = /\[(?<name>[^\]]+)\]\(\.\.\/(?<file>[^)]+\.ts)\)/gu;

interface Named {
  readonly name: string;
  readonly file: string;
}

function testsIn(row: string): readonly Named[] {
  return [...row.matchAll(TEST)].map(({ groups }) => ({ name: groups?.['name'] ?? '', file: groups?.['file'] ?? '' }));
}

/** Whether the file has a test, or a rule of the contract, of exactly this name. */
function has({ name, file }: Named): boolean {
  if (!existsSync(join(root, file))) return false;
  const code = readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'");
  return [`'${name}'`, `"${name}"`, `\`${name}\``].some((title) => code.includes(title));
}

describe.each(PAGES)('%s', (page) => {
  const rows = rowsOf(page);

  test('has its rows', () => {
    expect(rows.length).toBeGreaterThan(20);
  });

  test.each(rows.map((row) => [/\*\*(?<title>.+?)\*\*/u.exec(row)?.groups?.['title'] ?? row, row] as const))(
    '%s names tests that exist',
    (_title, row) => {
      const named = testsIn(row);
      expect(named).not.toEqual([]);
      expect(named.filter((one) => !has(one))).toEqual([]);
    },
  );
});
