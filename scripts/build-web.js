// Builds the console's page, unless it was built from these very files before.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const folder = fileURLToPath(new URL('../packages/console/', import.meta.url));
const built = join(folder, 'dist/web/index.html');

const newest = (path) =>
  Math.max(
    ...readdirSync(path, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs),
  );
const source = Math.max(
  newest(join(folder, 'web')),
  statSync(join(folder, 'src/api-types.ts')).mtimeMs,
  statSync(fileURLToPath(new URL('../package-lock.json', import.meta.url))).mtimeMs,
);
const isBuilt = (statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0) > source;
if (!isBuilt) await build({ configFile: join(folder, 'web/vite.config.ts'), logLevel: 'warn' });
