// The long form of the model tests: `npm run test:model -- --commands 100000 --seed 1`.
// The last line is one JSON object; the exit code is 1 when a store did not answer like the model.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { commands: { type: 'string' }, seed: { type: 'string' } } });
const commands = Number(values.commands ?? 100_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isSafeInteger(commands) || commands < 1 || !Number.isSafeInteger(seed)) {
  console.error('Usage: npm run test:model -- [--commands 100000] [--seed 1]');
  process.exit(2);
}

const directory = mkdtempSync(join(tmpdir(), 'mink-model-'));
const report = join(directory, 'report.jsonl');
writeFileSync(report, '');
const vitest = spawn(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', 'packages/mink/test/model'], {
  stdio: 'inherit',
  env: { ...process.env, MODEL_COMMANDS: String(commands), SEED: String(seed), MODEL_REPORT: report },
});
const [code] = await once(vitest, 'exit');
const runs = readFileSync(report, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line));
rmSync(directory, { recursive: true });
const executed = runs.reduce((sum, run) => sum + run.executed, 0);
// A run that broke off without a report has failed, too.
const failures = Math.max(
  runs.reduce((sum, run) => sum + run.failures, 0),
  code === 0 && executed >= commands ? 0 : 1,
);
console.log(JSON.stringify({ suite: 'model', seed, commands: executed, failures }));
process.exitCode = failures > 0 ? 1 : 0;
