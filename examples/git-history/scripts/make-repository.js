// Makes a repository with a long history, the same for the same seed, through `git fast-import`:
//
//   node examples/git-history/scripts/make-repository.js PATH [--commits 10000] [--files 2000] [--authors 50] [--large 10000] [--seed 1]
//
// There are merges, renames, deletions, empty commits and one commit with as many files as `--large` says.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';

const HOUR = 3_600;
const START = Date.UTC(2015, 0, 1) / 1_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    commits: { type: 'string', default: '10000' },
    files: { type: 'string', default: '2000' },
    authors: { type: 'string', default: '50' },
    large: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
  },
});
const [path] = positionals;
if (path === undefined || existsSync(path)) {
  process.stderr.write('Give the path of a folder that does not exist yet.\n');
  process.exit(1);
}
const commits = Number(values.commits);
const maxFiles = Number(values.files);
const authors = Number(values.authors);
const largeCommit = Number(values.large);
const random = createRandom(Number(values.seed));

spawnSync('git', ['init', '--quiet', '--initial-branch=main', path], { stdio: 'inherit' });
const git = spawn('git', ['-C', path, 'fast-import', '--quiet'], { stdio: ['pipe', 'inherit', 'inherit'] });
const closed = once(git, 'close');
for (const text of history()) {
  if (!git.stdin.write(text)) await once(git.stdin, 'drain');
}
git.stdin.end();
await closed;
process.exitCode = git.exitCode ?? 1;

/** The main branch, with a side branch of one commit every now and then. */
function* history() {
  const files = [];
  let created = 0;
  for (let mark = 1; mark <= commits; mark += 1) {
    const hasSide = mark > 2 && mark < commits && random() < 0.05;
    if (hasSide) {
      yield header({ ref: 'refs/heads/side', mark, parents: [mark - 1] });
      yield addFile(`side/branch${mark}.ts`);
      mark += 1;
      // Made from the same parent as the side branch, which it merges.
      yield header({ ref: 'refs/heads/main', mark, parents: [mark - 2, mark - 1] });
      yield addFile(`side/branch${mark - 1}.ts`);
      yield '\n';
      continue;
    }
    yield header({ ref: 'refs/heads/main', mark, parents: mark === 1 ? [] : [mark - 1] });
    if (mark === 2) for (let index = 0; index < largeCommit; index += 1) yield addFile(`large/file${index}.txt`);
    if (random() < 0.02) continue;
    for (let change = 1 + Math.floor(random() ** 3 * 12); change > 0; change -= 1) {
      const at = Math.floor(random() ** 2 * files.length);
      const kind = random();
      if (files.length < maxFiles && (files.length === 0 || kind < 0.25)) {
        created += 1;
        files.push(`src/module${created % 37}/file${created}.ts`);
        yield addFile(files.at(-1));
      } else if (kind < 0.28) {
        yield `D ${files[at]}\n`;
        files.splice(at, 1);
      } else if (kind < 0.3) {
        created += 1;
        const renamed = `src/renamed/file${created}.ts`;
        yield `R ${files[at]} ${renamed}\n`;
        files[at] = renamed;
      } else {
        yield addFile(files[at]);
      }
    }
  }
}

function header({ ref, mark, parents }) {
  const author = Math.floor(random() ** 2 * authors);
  const time = START + mark * HOUR + Math.floor(random() * HOUR);
  const subject = `Change number ${mark}`;
  const [from, ...merged] = parents.map((parent) => `:${parent}\n`);
  return (
    `commit ${ref}\nmark :${mark}\nauthor Author ${author} <author${author}@example.com> ${time} +0000\n` +
    `committer Author ${author} <author${author}@example.com> ${time} +0000\ndata ${subject.length}\n${subject}\n` +
    (from === undefined ? '' : `from ${from}`) +
    merged.map((parent) => `merge ${parent}`).join('')
  );
}

function addFile(name) {
  const lines = Array.from(
    { length: 3 + Math.floor(random() * 20) },
    () => `const value = ${Math.floor(random() * 1e6)};`,
  );
  const content = lines.join('\n');
  return `M 100644 inline ${name}\ndata ${content.length}\n${content}\n`;
}

/** mulberry32 */
function createRandom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
