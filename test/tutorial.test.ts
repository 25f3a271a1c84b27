import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../packages/mink/test/support/databases.ts';
import { readPages, root, type Block } from './support/markdown.ts';

// A page is run from top to bottom in an empty directory, as a reader would: `js` blocks are files, named in their first line;
// `sh` blocks are commands, which succeed unless the block says `fails`; what a `text` block says is in what they printed.
const pages = readPages().filter(({ file }) => file.startsWith('docs/tutorial-'));

let directory: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'mink-tutorial-'));
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, '.gitignore'), 'node_modules\n');
  const author = { GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@b', GIT_COMMITTER_NAME: 'a', GIT_COMMITTER_EMAIL: 'a@b' };
  const { NODE_TEST_CONTEXT: _test, NODE_OPTIONS: _options, ...inherited } = process.env;
  env = { ...inherited, ...author, DATABASE_URL: await createDatabase(undefined, 'template1') };
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

test('there is a tutorial', () => {
  expect(pages.map(({ file }) => file)).toEqual(['docs/tutorial-evolution.md']);
});

test.each(pages.map((page) => [page.file, page] as const))('%s works as it says', async (_file, { blocks }) => {
  let printed = '';
  for (const block of blocks) {
    switch (block.language) {
      case 'js':
        writeFile(block);
        break;
      case 'sh':
        printed = '';
        for (const line of block.code.trim().split('\n')) printed += await runLine(line, block);
        break;
      case 'text':
        expectPrinted(printed, block);
        break;
      default:
        throw new Error(`${at(block)}: a tutorial has js, sh and text`);
    }
  }
});

const at = ({ file, line }: Block): string => `${file}:${line}`;

function writeFile(block: Block): void {
  const name = /^\/\/ (?<name>[\w.-]+\.mjs)$/mu.exec(block.code)?.groups?.['name'];
  if (name === undefined) throw new Error(`${at(block)}: says no file name`);
  writeFileSync(join(directory, name), block.code);
}

/** What a command prints on both streams; it must end as the block says. */
function runLine(line: string, block: Block): Promise<string> {
  const main = join(root, 'packages/cli/dist/main.js');
  const command = line.replace(/^npx mink /u, `"${process.execPath}" "${main}" `);
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', command], { cwd: directory, env }, (error, stdout, stderr) => {
      if ((error !== null) === block.info.startsWith('fails')) resolve(stdout + stderr);
      else reject(new Error(`${at(block)}: "${line}" ended with ${error?.code ?? 0}:\n${stdout}${stderr}`));
    });
  });
}

function expectPrinted(printed: string, block: Block): void {
  const lines = withoutDates(printed).split('\n');
  let next = 0;
  for (const line of block.code.trimEnd().split('\n')) {
    const found = lines.indexOf(line, next);
    if (found === -1) throw new Error(`${at(block)}: "${line}" was not printed, but:\n${printed}`);
    next = found + 1;
  }
}

function withoutDates(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\d(?=, )/gu, 'DATE');
}
