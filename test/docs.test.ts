import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import * as mink from 'mink';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createDatabase, runSql } from '../packages/mink/test/support/databases.ts';
import { readPages, root, type Block } from './support/markdown.ts';
import { compileSnippets, type CompiledSnippets } from './support/snippets.ts';

const pages = readPages();
const guide = pages.filter(({ file }) => file === 'README.md' || file.startsWith('docs/'));
const snippets = guide.flatMap(({ blocks }) => blocks).filter(({ language }) => language === 'ts');

const at = ({ file, line }: { readonly file: string; readonly line: number }): string => `${file}:${line}`;

describe('the TypeScript in the guide', () => {
  let compiled: CompiledSnippets;

  beforeAll(async () => {
    if (!existsSync(join(root, 'packages/mink/dist/index.js'))) throw new Error('Build first: npm run build');
    compiled = await compileSnippets(snippets);
  });

  afterAll(async () => {
    await compiled?.remove();
  });

  test('is there', () => {
    expect(snippets.length).toBeGreaterThan(20);
  });

  test.each(snippets.map((block) => [at(block), block] as const))('%s compiles without help', (_at, block) => {
    expect(compiled.errorsOf(block)).toEqual([]);
    expect(helpIn(block)).toEqual([]);
  });

  const runnable = snippets.filter(({ info }) => !info.startsWith('no-run'));
  test.concurrent.each(runnable.map((block) => [at(block), block] as const))(
    '%s runs to its end and says what it claims',
    async (_at, block) => {
      const needsDatabase = block.code.includes('DATABASE_URL');
      const output = await compiled.run(
        block,
        needsDatabase ? { DATABASE_URL: await createDatabase(undefined, 'template1') } : {},
      );
      const missing = unsaid(block, output.split('\n'));
      if (missing !== undefined) throw new Error(`${missing}\n\nIt printed:\n${output}`);
    },
  );

  test('says why a snippet is not run', () => {
    const silent = snippets.filter(({ info }) => info !== '' && !/^no-run \S+ \S+/u.test(info));
    expect(silent.map(at)).toEqual([]);
  });
});

/** What a reader should never need: `any`, assertions, type arguments (of `payload<T>()`, `documents<T>()`, `column.text<T>()` and `column.json<T>()` apart), silenced errors. */
function helpIn({ file, line, code }: Block): readonly string[] {
  const plain = code
    .replaceAll(/\/\*[\s\S]*?\*\//gu, (comment) => comment.replaceAll(/[^\n]/gu, ' '))
    .replaceAll(/'[^'\n]*'|`[^`]*`/gu, "''");
  const help =
    /@ts-|\bany\b|(?<!\* )\bas (?!const\b)|\w!(?=[.;,)\]])|(?<!\b(?:payload|documents|column\.text|column\.json))(?<=\w)<[^<>()=]+>\(/u;
  return plain.split('\n').flatMap((text, index) => {
    const found = help.exec(text.replace(/(?<!@ts-.*)\/\/.*$/u, ''))?.[0];
    return found === undefined || text.startsWith('import ') ? [] : [`${file}:${line + index + 1}: ${found}`];
  });
}

/** The comment behind a `console.log` is a line of the output; they come in this order. */
function unsaid({ file, line, code }: Block, output: readonly string[]): string | undefined {
  let next = 0;
  for (const [index, text] of code.split('\n').entries()) {
    const claim = /console\.log\(.*\); \/\/ (?<claim>.+)$/u.exec(text)?.groups?.['claim'];
    if (claim === undefined) continue;
    const found = output.indexOf(claim, next);
    if (found === -1) return `${file}:${line + index + 1}: it does not print "${claim}" here.`;
    next = found + 1;
  }
  return undefined;
}

describe('the SQL in docs/postgres.md', () => {
  const blocks = guide.find(({ file }) => file === 'docs/postgres.md')?.blocks ?? [];
  const grants = blocks.find(({ language, code }) => language === 'sql' && code.includes('create role'));

  test('grants what a writer and a reader need, and no more than that', async () => {
    const { createPostgresStore } = await import('mink/postgres');
    const url = await createDatabase(undefined, 'template1');
    await using owner = createPostgresStore({ url });
    await owner.append('Note-1', [{ type: 'Noted', data: null }]);
    await runSql(url, grants?.code ?? '');
    const as = (role: string): string => {
      const changed = new URL(url);
      changed.username = role;
      return changed.href;
    };
    await using writer = createPostgresStore({ url: as('orders_writer'), migrate: 'never' });
    await using reader = createPostgresStore({ url: as('orders_reader'), migrate: 'never' });
    const noted = { type: 'Noted', data: null };
    expect((await writer.append('Note-1', [noted])).streamVersion).toBe(2);
    await writer.appendMany([
      { streamName: 'Note-2', events: [{ ...noted, id: crypto.randomUUID() }], expectedVersion: 'no_stream' },
      { streamName: 'Note-3', expectedVersion: 'no_stream' },
    ]);
    for (const store of [writer, reader]) {
      expect((await store.readStream('Note-1').toArray()).length).toBe(2);
      expect((await store.readAll({ until: { time: new Date() } }).toArray()).length).toBe(3);
      expect((await store.subscribe().first())?.globalPosition).toBe(1);
      expect((await store.listStreams().toArray()).length).toBe(2);
    }
    await expect(reader.append('Note-1', [noted])).rejects.toMatchObject({ sqlState: '42501' });
    await expect(runSql(as('orders_writer'), 'drop table mink.events')).rejects.toMatchObject({ code: '42501' });
    await runSql(url, 'drop owned by orders_writer, orders_reader; drop role orders_writer, orders_reader');
  });
});

describe('the errors', () => {
  const source = ['packages/mink/src', 'packages/cli/src']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .map((file) => readFileSync(join(root, file), 'utf8'))
    .join('\n');
  const declared = [...source.matchAll(/class (?<name>\w+) extends MinkError \{\n(?<body>[\s\S]*?)\n\}/gu)].map(
    ({ groups }) => ({
      name: groups?.['name'] ?? '',
      code: /readonly code = '(?<code>\w+)'/u.exec(groups?.['body'] ?? '')?.groups?.['code'],
    }),
  );
  const anchors = pages.find(({ file }) => file === 'docs/errors.md')?.anchors ?? new Set();

  test('that mink exports are all found in its source, with their codes', () => {
    const exported = Object.entries(mink).flatMap(([name, value]) =>
      typeof value === 'function' && value.prototype instanceof mink.MinkError ? [name] : [],
    );
    expect(exported.length).toBeGreaterThan(15);
    expect(declared.map(({ name }) => name)).toEqual(expect.arrayContaining(exported));
    expect(declared.filter(({ code }) => code === undefined)).toEqual([]);
  });

  test.each(declared.map(({ name, code = '' }) => [name, code.toLowerCase()]))(
    '%s has its section in docs/errors.md: #%s',
    (_name, anchor) => {
      expect(new mink.NoEventsError('A-1').docs).toBe('docs/errors.md#no_events');
      expect([...anchors]).toContain(anchor);
    },
  );

  test('have no section left behind', () => {
    const codes = new Set(declared.map(({ code }) => code?.toLowerCase()));
    expect([...anchors].filter((anchor) => anchor.includes('_') && !codes.has(anchor))).toEqual([]);
  });
});

describe('the pages', () => {
  test.each(pages.map(({ file, links }) => [file, links] as const))('%s links to what exists', (_file, links) => {
    const broken = links.filter(({ file, target }) => {
      const [path = '', anchor] = target.split('#');
      const linked = path === '' ? file : normalize(join(dirname(file), path)).replace(/\/$/u, '');
      if (!existsSync(join(root, linked))) return true;
      if (anchor === undefined || !linked.endsWith('.md')) return false;
      return !pages.find((page) => page.file === linked)?.anchors.has(anchor);
    });
    expect(broken.map((link) => `${at(link)}: ${link.target}`)).toEqual([]);
  });

  test('name only scripts that package.json has', () => {
    const manifest: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(manifest).toHaveProperty('scripts');
    const { scripts } = manifest as { readonly scripts: Readonly<Record<string, string>> };
    const unknown = pages
      .flatMap(({ blocks }) => blocks)
      .filter(({ language }) => language === 'sh')
      .flatMap(({ file, line, code }) =>
        code.split('\n').flatMap((text, index) =>
          [...text.matchAll(/\bnpm (?:run (?:-\S+ )*(?<named>[\w:-]+)|(?<short>start|test)\b)/gu)]
            .map(({ groups }) => groups?.['named'] ?? groups?.['short'] ?? '')
            .filter((script) => !Object.hasOwn(scripts, script))
            .map((script) => `${file}:${line + index + 1}: npm run ${script}`),
        ),
      );
    expect(unknown).toEqual([]);
  });
});
