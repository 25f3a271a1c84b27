// What the memory store does in a second, and the part of it that every store shares.
//   npm run bench:memory [-- --rounds 5 --only TEXT --json FILE --against DIST --heap MB]
// Every round of every work is a process of its own: one that is warm, and whose heap is not somebody else's. With
// `--against`, another build (its `packages/mink/dist`) takes turns with this one.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { works } from './memory/works.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    against: { type: 'string' },
  },
});

const OWN = fileURLToPath(new URL('../packages/mink/dist', import.meta.url));
const ROUND = fileURLToPath(new URL('memory/round.js', import.meta.url));
const subjects = [{ name: 'mink', dist: OWN }];
if (values.against !== undefined) subjects.push({ name: 'other', dist: resolve(values.against) });

const rows = works
  .filter(({ name }) => name.includes(values.only))
  .flatMap(({ name, unit }) => subjects.map((subject) => ({ work: name, unit, subject, rounds: [] })));

for (let round = 0; round < Number(values.rounds); round += 1) {
  for (const { work, subject, rounds } of rows) {
    const answer = execFileSync(process.execPath, ['--expose-gc', ROUND, work, subject.dist], { encoding: 'utf8' });
    rounds.push(Number(answer));
  }
}

const [cpu] = cpus();
console.log(
  `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown'}, ${values.rounds} rounds, medians\n`,
);
for (const row of rows) row.median = median(row.rounds);
for (const { name, unit } of works) {
  const [own, other] = subjects.map((subject) => rows.find((row) => row.work === name && row.subject === subject));
  if (own === undefined) continue;
  const spread = `${text(Math.min(...own.rounds))} to ${text(Math.max(...own.rounds))}`;
  const compared = other === undefined ? '' : `${text(other.median).padStart(12)}${ratio(own, other).padStart(9)}`;
  console.log(`${name.padEnd(44)}${text(own.median).padStart(12)} ${unit.padEnd(12)}${spread.padEnd(26)}${compared}`);
}

if (values.json !== undefined) {
  const machine = { cpu: cpu?.model, cores: cpus().length };
  const results = rows.map(({ work, subject, unit, rounds, median }) => ({
    work,
    subject: subject.name,
    unit,
    rounds,
    median,
  }));
  writeFileSync(
    values.json,
    `${JSON.stringify({ machine, versions: { node: process.version }, rows: results }, null, 2)}\n`,
  );
}

function median(numbers) {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)];
}

function text(number) {
  return number.toLocaleString('en', { maximumFractionDigits: number < 100 ? 2 : 0 });
}

function ratio(own, other) {
  return `${(own.median / other.median).toFixed(2)} ×`;
}
