// npm run bench:report: the tables and the chart again, from results that were measured before.
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ArgumentError, parse } from './lib/arguments.js';
import { renderChart } from './lib/chart.js';
import { renderGrowthTable } from './lib/growth-table.js';
import { renderMarkdown, replaceResults } from './lib/markdown.js';
import { runProgram } from './lib/program.js';
import { mergeResults } from './lib/merge-results.js';
import { renderTable, renderTargets } from './lib/table.js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const LATEST = here('results/latest.json');
const CHART = here('results/latest.svg');
const GROWTH = here('results/growth.json');
const PAGE = here('../docs/benchmarks.md');

const USAGE = `Usage: npm run bench:report -- [options]

Prints the tables of bench/results/latest.json and growth.json, and writes the chart and the results in docs/benchmarks.md.

  --merge FILES   first puts several results of npm run bench together, into bench/results/latest.json: medians over
                  their medians; separated by commas
  --help          prints this`;

function parseReportArguments(args) {
  const { help, merge } = parse(args, { merge: { type: 'string' }, help: { type: 'boolean', short: 'h' } });
  if (help) return { mode: 'help' };
  const files = merge?.split(',') ?? [];
  for (const file of files) if (!existsSync(file)) throw new ArgumentError(`--merge: there is no file "${file}".`);
  return { mode: 'run', merge: files };
}

async function run({ merge }, { log }) {
  if (merge.length > 0) {
    const merged = mergeResults(await Promise.all(merge.map(readJson)));
    await writeFile(LATEST, `${JSON.stringify(merged, undefined, 2)}\n`);
  }
  const latest = await readJson(LATEST);
  const growth = await readJson(GROWTH);
  if (latest === undefined && growth === undefined) {
    throw new ArgumentError('There are no results yet: npm run bench, or npm run bench:growth.');
  }
  if (latest !== undefined) {
    await writeFile(CHART, renderChart(latest));
    console.log([renderTable(latest), renderTargets(latest)].filter((part) => part !== '').join('\n\n'));
  }
  if (growth !== undefined) console.log(renderGrowthTable(growth));
  const page = await readFile(PAGE, 'utf8');
  await writeFile(PAGE, replaceResults(page, renderMarkdown({ latest, growth })));
  log(`Written to ${relative(process.cwd(), PAGE)}`);
}

async function readJson(file) {
  return existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : undefined;
}

await runProgram({ usage: USAGE, parse: parseReportArguments, run });
