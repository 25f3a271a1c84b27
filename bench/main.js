// npm run bench: see lib/arguments.js for its options, docs/benchmarks.md for what the rows mean.
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArguments, USAGE } from './lib/arguments.js';
import { renderChart } from './lib/chart.js';
import { describeMachine } from './lib/machine.js';
import { mergeRows } from './lib/merge-results.js';
import { runProgram } from './lib/program.js';
import { startServer } from './lib/server.js';
import { prepareSubjects } from './lib/subjects.js';
import { runSuite } from './lib/suite.js';
import { renderTable, renderTargets } from './lib/table.js';
import { works } from './lib/works.js';

const DEFAULT_OUTPUT = fileURLToPath(new URL('results/latest.json', import.meta.url));

function list() {
  for (const { name, title, rows } of works) {
    console.log(`${name.padEnd(18)} ${title}`);
    console.log(`${''.padEnd(18)}   rows: ${rows.map((row) => `${row.name} (${row.unit})`).join(', ')}`);
  }
}

async function run(
  { works, subjects: names, rounds, seconds, runs, shrink, output = DEFAULT_OUTPUT },
  { log, signal },
) {
  const machine = await describeMachine();
  const subjects = await prepareSubjects(names, log);
  signal.throwIfAborted();
  const server = await startServer();
  try {
    log(
      `PostgreSQL ${server.settings.server_version} (${server.origin}), ${rounds} rounds of ${seconds} s, ${runs} runs`,
    );
    const all = [];
    const datasets = new Map();
    for (let index = 0; index < runs; index += 1) {
      if (runs > 1) log(`Run ${index + 1} of ${runs}`);
      all.push(await runSuite({ works, subjects, datasets, rounds, seconds, shrink, server, log, signal }));
    }
    const results = {
      machine,
      versions: versionsOf(subjects, server),
      settings: {
        measuredAt: new Date().toISOString(),
        rounds,
        seconds,
        runs,
        shrink,
        server: server.settings,
        subjects: Object.fromEntries(
          [...subjects].map(([name, { settings, absent }]) => [name, settings ?? { absent }]),
        ),
      },
      rows: mergeRows(all),
    };
    const file = resolve(output);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, `${JSON.stringify(results, undefined, 2)}\n`);
    await writeFile(file.replace(/\.json$/, '') + '.svg', renderChart(results));
    console.log([renderTable(results), renderTargets(results)].filter((part) => part !== '').join('\n\n'));
    log(`Written to ${file}`);
  } finally {
    await server.stop();
  }
}

function versionsOf(subjects, { settings }) {
  return {
    node: process.versions.node,
    postgresql: settings.server_version,
    ...Object.fromEntries(
      [...subjects].map(([name, { settings, absent }]) => [name, absent ?? settings.version ?? settings.driver]),
    ),
  };
}

await runProgram({ usage: USAGE, parse: parseArguments, run, modes: { list } });
