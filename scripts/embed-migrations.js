// Turns packages/mink/sql/migrations/*.sql into a module, so that a bundled server needs no files beside it.
import { readdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const directory = new URL('../packages/mink/sql/migrations/', import.meta.url);
const target = new URL('../packages/mink/src/postgres/migrations.generated.ts', import.meta.url);
const NAME = /^(?<version>\d{6})_(?<name>[a-z0-9_]+)\.sql$/u;
const COMPATIBLE = /^-- min_compatible_code: (?<code>\d+)$/mu;

const migrations = readdirSync(fileURLToPath(directory))
  .toSorted()
  .map((file, index) => {
    const parts = NAME.exec(file)?.groups;
    const sql = readFileSync(new URL(file, directory), 'utf8');
    const code = COMPATIBLE.exec(sql)?.groups?.code;
    if (parts === undefined || code === undefined)
      throw new Error(`${file}: needs the form 000001_name.sql and a line "-- min_compatible_code: N"`);
    if (Number(parts.version) !== index + 1) throw new Error(`${file}: the numbers must be 1, 2, 3 … without gaps`);
    return { version: Number(parts.version), name: parts.name, minCompatibleCode: Number(code), sql };
  });

const text = `// Made by scripts/embed-migrations.js from sql/migrations. Do not edit.
import type { Migration } from './migration.ts';

export const migrations: readonly Migration[] = ${JSON.stringify(migrations, null, 2)};
`;
if (!existsSync(target) || readFileSync(target, 'utf8') !== text) writeFileSync(target, text);
