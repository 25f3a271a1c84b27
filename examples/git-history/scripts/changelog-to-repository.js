// Makes a repository of the ChangeLog files that GNU projects kept by hand for decades, through `git fast-import`:
//
//   apt-get download glibc-source && dpkg-deb -x glibc-source_*.deb . && tar xf usr/src/glibc/glibc-*.tar.xz
//   node examples/git-history/scripts/changelog-to-repository.js PATH glibc-*/ChangeLog.old/ChangeLog.?{,?}
//
// Real are the commits: who, when, why, and which files. Not in a ChangeLog, and so made up: the content of a file,
// which is what its last entry says; renames, which are told in prose, and are a deletion and an addition here; merges. A file
// is deleted where its entry says so.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';

/** `2001-07-17  Jakub Jelinek  <jakub@redhat.com>`, or with a weekday and a time before 1997. */
const HEADER =
  /^(?<date>\d{4}-\d\d-\d\d|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d(?::\d\d)? \d{4})\s+(?<name>.*?)\s*[<(](?<email>[^\s<>()]+@[^\s<>()]+)[>)]\s*$/u;
const REMOVED = /^(?:file )?(?:removed?|deleted?)\b(?: file)?\.?$/iu;
/** Dates alone are noon, UTC: within that day nearly everywhere. */
const NOON = 'T12:00:00Z';

const [path, ...logs] = process.argv.slice(2);
if (path === undefined || logs.length === 0 || existsSync(path)) {
  process.stderr.write('Give the path of a folder that does not exist yet, and one ChangeLog or more.\n');
  process.exit(1);
}
const commits = logs
  .flatMap(readChangeLog)
  .toSorted((left, right) => left.time - right.time || right.place - left.place);

spawnSync('git', ['init', '--quiet', '--initial-branch=main', path], { stdio: 'inherit' });
const git = spawn('git', ['-C', path, 'fast-import', '--quiet'], { stdio: ['pipe', 'inherit', 'inherit'] });
const closed = once(git, 'close');
const present = new Set();
for (const commit of commits) {
  if (!git.stdin.write(toFastImport(commit))) await once(git.stdin, 'drain');
}
git.stdin.end();
await closed;
process.exitCode = git.exitCode ?? 1;

/** The newest entry comes first: the further down, the earlier on the same day. */
function readChangeLog(file) {
  const entries = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const found = HEADER.exec(line)?.groups;
    if (found !== undefined) {
      const time = Date.parse(found.date.includes('-') ? `${found.date}${NOON}` : `${found.date} UTC`) / 1_000;
      if (time > 0) entries.push({ ...found, time, place: entries.length, lines: [] });
    } else if (/^\s/u.test(line)) {
      entries.at(-1)?.lines.push(line.trim());
    }
  }
  return entries
    .map((entry) => ({ ...entry, subject: toSubject(entry.lines), changes: toChanges(entry.lines) }))
    .filter(({ changes }) => changes.size > 0);
}

/** The first line that is no file's, where later ChangeLogs have one; otherwise what is said first. */
function toSubject(lines) {
  const words = lines.find((line) => line !== '' && !/^(?:COMMIT|\[?BZ|PR)\b/u.test(line));
  return (words ?? '').replace(/^\* /u, '');
}

/** What is said of each file: an item begins with a star and the files, which may go on over lines, up to a colon. */
function toChanges(lines) {
  const changes = new Map();
  const items = lines.join('\n').split(/^\* /mu).slice(1);
  for (const item of items) {
    const end = item.search(/:(?:\s|$)/u);
    if (end === -1) continue;
    const said = item.slice(end + 1).trim();
    const names = item.slice(0, end).replaceAll(/[([{<][^\n]*?[)\]}>]/gu, ' ');
    for (const name of names.split(/[,\s]+/u)) {
      if (/^[\w+.-]+(?:\/[\w+.-]+)*$/u.test(name) && !/^\.+$/u.test(name)) changes.set(name, said);
    }
  }
  return changes;
}

function toFastImport({ name, email, time, subject, changes }) {
  const who = `${name.replaceAll(/[<>\n]/gu, '')} <${email}> ${time} +0000`;
  const commands = Array.from(changes, ([file, said]) => {
    if (!REMOVED.test(said)) {
      makeRoomFor(file);
      present.add(file);
      return `M 100644 inline ${file}\n${data(`${file}: ${said}\n`)}`;
    }
    return present.delete(file) ? `D ${file}\n` : '';
  });
  return `commit refs/heads/main\nauthor ${who}\ncommitter ${who}\n${data(subject)}${commands.join('')}\n`;
}

/** What was a file and is a directory now, or the other way round, was removed without a word: git replaces it. */
function makeRoomFor(file) {
  for (let slash = file.indexOf('/'); slash !== -1; slash = file.indexOf('/', slash + 1)) {
    present.delete(file.slice(0, slash));
  }
}

function data(text) {
  return `data ${Buffer.byteLength(text)}\n${text}\n`;
}
