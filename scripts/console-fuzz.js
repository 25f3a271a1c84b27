// What hostile requests get from the admin API of the console: `npm run console:fuzz -- --runs 10000`.
// Prints a line for each input, with the statuses of all endpoints that it was tried at; the exit code is 1 when one got through.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '2000' }, json: { type: 'boolean' } } });
const directory = mkdtempSync(join(tmpdir(), 'mink-fuzz-'));
const report = join(directory, 'report.jsonl');
writeFileSync(report, '');
const vitest = spawn(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', 'packages/console/test/hostile.test.ts'],
  {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, FUZZ_REPORT: report, FUZZ_RUNS: values.runs },
  },
);
const [code] = await once(vitest, 'exit');
const lines = readFileSync(report, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line));
rmSync(directory, { recursive: true });

const statusText = (statuses) =>
  Object.entries(statuses)
    .map(([status, times]) => `${status} x ${times}`)
    .join(', ');
const requests = lines.reduce(
  (sum, { statuses }) => sum + Object.values(statuses).reduce((all, times) => all + times, 0),
  0,
);
const summary = {
  inputs: lines.length,
  requests,
  madeUp: Number(values.runs),
  gotThrough: code === 0 ? 0 : 'at least 1',
};
if (values.json === true) console.log(JSON.stringify({ ...summary, lines }));
else {
  for (const { group, name, statuses } of lines) {
    const shown = JSON.stringify(name.length > 48 ? `${name.slice(0, 45)}...` : name);
    console.log(`${group.padEnd(28)} ${shown.padEnd(54)} ${statusText(statuses)}`);
  }
  console.log(
    `${summary.inputs} inputs in ${requests} requests, and ${values.runs} that are made up: ${code === 0 ? 'none got through' : 'at least one got through; run the test to see which'}.`,
  );
}
process.exitCode = code === 0 ? 0 : 1;
