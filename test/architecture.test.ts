import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const IMPORT =
  /^(?:import|export)\b[^'"`;]*?\bfrom\s+['"](?<from>[^'"]+)['"]|^import\s+['"](?<bare>[^'"]+)['"]|\bimport\(\s*['"](?<dynamic>[^'"]+)['"]/gmu;

/** Who may import whom: the folders of the library, then what is not ours. */
interface Rule {
  readonly folders: readonly string[];
  readonly packages: readonly RegExp[];
}

const library: Readonly<Record<string, Rule>> = {
  core: { folders: [], packages: [] },
  cache: { folders: ['core'], packages: [/^lru-cache$/u] },
  http: { folders: ['core'], packages: [] },
  memory: { folders: ['core'], packages: [] },
  otel: { folders: ['core'], packages: [] },
  prometheus: { folders: ['core'], packages: [] },
  testing: { folders: ['core', 'memory'], packages: [] },
  postgres: { folders: ['core'], packages: [/^pg$/u] },
  'index.ts': { folders: ['core'], packages: [] },
};
const others: Readonly<Record<string, readonly RegExp[]>> = {
  'packages/dev': [],
  'packages/console': [/^mink(?:\/\w+)?$/u, /^hono(?:\/.+)?$/u, /^zod$/u, /^rate-limiter-flexible$/u],
  'packages/cli': [
    /^mink(?:\/\w+)?$/u,
    /^@mink\/dev$/u,
    /^@mink\/console$/u,
    /^@hono\/node-server$/u,
    /^commander$/u,
    /^jiti$/u,
    /^string-width$/u,
    /^yaml$/u,
  ],
  'examples/orders': [
    /^mink(?:\/\w+)?$/u,
    /^@mink\/(?:console|dev)$/u,
    /^hono(?:\/.+)?$/u,
    /^@hono\/node-server$/u,
    /^zod$/u,
  ],
  'examples/git-history': [/^mink(?:\/\w+)?$/u, /^@mink\/dev$/u, /^cli-progress$/u, /^zod$/u],
  torture: [/^mink(?:\/\w+)?$/u, /^@mink\/dev$/u, /^pg$/u],
};

function sources(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/u.test(file) && !file.endsWith('.test.ts'))
    .map((file) => join(folder, file));
}

function codeOf(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//gu, '').replaceAll(/^\s*\/\/.*$/gmu, '');
}

function importsOf(text: string): readonly string[] {
  return [...codeOf(text).matchAll(IMPORT)].map(
    ({ groups }) => groups?.['from'] ?? groups?.['bare'] ?? groups?.['dynamic'] ?? '',
  );
}

/** What is wrong with the imports of one file of the library, by its path below `packages/mink/src`. */
function violations(path: string, text: string): readonly string[] {
  const [folder = ''] = path.split(sep);
  const rule = library[folder];
  if (rule === undefined) return [`${path}: the folder "${folder}" has no rule`];
  return importsOf(text).flatMap((specifier) => {
    if (specifier.startsWith('node:')) return [];
    if (!specifier.startsWith('.')) {
      const allowed = rule.packages.some((pattern) => pattern.test(specifier));
      const inOneFile = specifier !== 'pg' || path === join('postgres', 'pools.ts');
      return allowed && inOneFile ? [] : [`${path} imports ${specifier}`];
    }
    const target = relative(root, resolve(root, dirname(path), specifier));
    const [targetFolder = ''] = target.split(sep);
    if (targetFolder === folder) return [];
    const throughIndex = target === join(targetFolder, 'index.ts');
    return rule.folders.includes(targetFolder) && throughIndex ? [] : [`${path} imports ${target}`];
  });
}

const PAGE_PACKAGES = [
  /^preact(?:\/hooks)?$/u,
  /^wouter-preact\/use-browser-location$/u,
  /^uplot(?:\/dist\/uPlot\.min\.css)?$/u,
];

/** What is wrong with a file of the console's page: what it imports, and markup made of text. */
function pageViolations(file: string, text: string): readonly string[] {
  const code = codeOf(text);
  const isOwn = (specifier: string): boolean =>
    specifier.startsWith('.') && !relative('packages/console/web/src', join(dirname(file), specifier)).startsWith('..');
  const imports = importsOf(code.replaceAll(/^import (?:type [^;]*api-types|[^;]*api-paths)\.ts';$/gmu, ''))
    .filter((specifier) => !isOwn(specifier) && !PAGE_PACKAGES.some((pattern) => pattern.test(specifier)))
    .map((specifier) => `${file} imports ${specifier}`);
  const markup = /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML/u.exec(code);
  return markup === null ? imports : [...imports, `${file} uses ${markup[0]}`];
}

describe('who may import whom', () => {
  test('the folders of the library keep to the table in CONTRIBUTING', () => {
    const found = sources('packages/mink/src').flatMap((file) =>
      violations(relative('packages/mink/src', file), readFileSync(join(root, file), 'utf8')),
    );
    expect(found).toEqual([]);
  });

  test('the rule would notice every kind of break', () => {
    expect(violations('core/a.ts', "import { Pool } from 'pg';")).toHaveLength(1);
    expect(violations('core/a.ts', "import { x } from '../memory/index.ts';")).toHaveLength(1);
    expect(violations('memory/a.ts', "import { x } from '../core/errors.ts';")).toHaveLength(1);
    expect(violations('memory/a.ts', "import { x } from '../postgres/index.ts';")).toHaveLength(1);
    expect(violations('postgres/feed.ts', "import { Pool } from 'pg';")).toHaveLength(1);
    expect(violations('postgres/feed.ts', "export * from '../../../cli/src/main.ts';")).toHaveLength(1);
    expect(violations('new/a.ts', '')).toHaveLength(1);
    expect(violations('postgres/pools.ts', "import { Pool } from 'pg';\nimport x from '../core/index.ts';")).toEqual(
      [],
    );
  });

  for (const [folder, allowed] of Object.entries(others)) {
    test(`${folder} imports public entries and its own dependencies only`, () => {
      const found = sources(join(folder, 'src')).flatMap((file) =>
        importsOf(readFileSync(join(root, file), 'utf8'))
          .filter((specifier) => !specifier.startsWith('node:') && !/^\.\.?\//u.test(specifier))
          .filter((specifier) => !allowed.some((pattern) => pattern.test(specifier)))
          .map((specifier) => `${file} imports ${specifier}`),
      );
      expect(found).toEqual([]);
    });
  }

  test("the console's page knows the server by the types and paths of its API only, and few libraries", () => {
    const web = 'packages/console/web/src';
    expect(sources(web).length).toBeGreaterThan(50);
    expect(sources(web).flatMap((file) => pageViolations(file, readFileSync(join(root, file), 'utf8')))).toEqual([]);
    const page = join(web, 'pages', 'a.tsx');
    expect(pageViolations(page, "import { x } from 'mink';")).toHaveLength(1);
    expect(pageViolations(page, "import { x } from '../../../src/index.ts';")).toHaveLength(1);
    expect(pageViolations(page, "import { x } from '../../../src/api-types.ts';")).toHaveLength(1);
    expect(pageViolations(page, "import type { x } from '../../../src/api-types.ts';")).toEqual([]);
    expect(pageViolations(page, 'element.innerHTML = text;')).toHaveLength(1);
  });

  test('the library reads no environment and sets no timer when it is imported', () => {
    const found = sources('packages/mink/src').filter((file) =>
      /process\.env/u.test(codeOf(readFileSync(join(root, file), 'utf8'))),
    );
    expect(found).toEqual([]);
  });
});

describe('files', () => {
  test('are named in kebab-case, and none is called by a word that means nothing', () => {
    const files = [
      'packages/mink/src',
      'packages/dev/src',
      'packages/cli/src',
      'packages/console/src',
      'packages/console/web/src',
      'examples/orders/src',
      'examples/git-history/src',
      'torture/src',
    ].flatMap(sources);
    const bad = files.filter((file) => {
      const name = file.split(sep).at(-1) ?? '';
      return !/^[a-z0-9-]+(?:\.generated)?\.tsx?$/u.test(name) || /util|helper|common|manager/u.test(name);
    });
    expect(bad).toEqual([]);
  });
});
