import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { project } from './support/project.ts';
import { runMink } from './support/run-mink.ts';

const run = promisify(execFile);

/** The names of the commands that a help shows. */
async function commandsOf(...path: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await runMink([...path, '--help']);
  const [, list = ''] = stdout.split('\nCommands:\n');
  return [...(list.split('\n\n')[0] ?? '').matchAll(/^ {2}(?<name>[a-z-]+)/gmu)].map(
    ({ groups }) => groups?.['name'] ?? '',
  );
}

async function scriptOf(shell: string): Promise<string> {
  const { exitCode, stdout, stderr } = await runMink(['completion', shell]);
  expect([exitCode, stderr]).toEqual([0, '']);
  const file = join(project(), `mink.${shell}`);
  writeFileSync(file, stdout);
  return file;
}

/** What bash would offer for these words, the last of which is being typed. */
async function completed(
  file: string,
  words: readonly string[],
  files: Readonly<Record<string, string>> = { 'a-file': '' },
): Promise<readonly string[]> {
  const script =
    'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mink; printf "%s\\n" "${COMPREPLY[@]}"';
  const { stdout } = await run('bash', ['--norc', '-c', script, 'bash', file, ...words], {
    cwd: project(files),
  });
  return stdout.split('\n').filter((line) => line !== '');
}

describe('completion in bash', () => {
  test('offers every command that the help shows, at every level', async () => {
    const file = await scriptOf('bash');
    const all = await commandsOf();
    expect(all).toContain('projections');
    expect((await completed(file, ['mink', ''])).toSorted()).toEqual(all.toSorted());
    for (const group of ['projections', 'deadletters', 'schema', 'snapshots', 'monitoring', 'unique-sets']) {
      const below = await commandsOf(group);
      expect(below.length).toBeGreaterThan(0);
      expect((await completed(file, ['mink', group, ''])).toSorted()).toEqual(below.toSorted());
    }
  });

  test('offers names of files as they are, whatever is in them', async () => {
    const file = await scriptOf('bash');
    const names = ['$(touch gone)', '*', 'a b', `q"u'o`];
    const files = Object.fromEntries(names.map((name) => [name, '']));
    const offered = await completed(file, ['mink', 'doctor', '--dashboard', ''], files);
    expect(offered).toEqual(expect.arrayContaining(names));
    expect(offered).toEqual([...new Set(offered)]);
  });

  test.each([
    [['mink', 'proj'], ['projections']],
    [['mink', 'projections', 'what'], ['what-if']],
    [
      ['mink', 'completion', ''],
      ['bash', 'zsh', 'fish'],
    ],
    [['mink', 'completion', 'bash', ''], []],
    [['mink', 'top', '--o'], ['--once']],
    [['mink', 'top', '--ur'], ['--url']],
    // What comes behind an option that takes a value is a value.
    [
      ['mink', '--schema', 'streams', 'projections', 'res'],
      ['resume', 'reset'],
    ],
    [
      ['mink', 'projections', '--schema', 'x', 'res'],
      ['resume', 'reset'],
    ],
    [['mink', '--json', 'top', '--o'], ['--once']],
    [['mink', '--config', 'a-f'], ['a-file']],
    [['mink', 'streams', '--version'], []],
    [['mink', 'nonsense', 'zzz'], []],
  ])('of %j offers %j', async (words, expected) => {
    expect(await completed(await scriptOf('bash'), words)).toEqual(expected);
  });

  test('is that of mink-admin, too', async () => {
    const file = await scriptOf('bash');
    const { stdout } = await run('bash', ['--norc', '-c', 'source "$1"; complete -p mink-admin', 'bash', file]);
    expect(stdout).toContain('-F _mink mink-admin');
    expect(await completed(file, ['mink-admin', 'projections', 'ver'])).toEqual(['verify']);
  });
});

describe('completion in other shells', () => {
  /** Not every machine has them; bash is everywhere. */
  const isThere = (shell: string): Promise<boolean> =>
    run(shell, ['--version']).then(
      () => true,
      () => false,
    );

  test.each(['bash', 'zsh', 'fish'])('%s reads its script, where it is installed', async (shell) => {
    const file = await scriptOf(shell);
    if (await isThere(shell)) await run(shell, ['-n', file]);
  });

  test('fish, where it is installed, offers commands and values of arguments', async () => {
    const file = await scriptOf('fish');
    if (!(await isThere('fish'))) return;
    const offered = async (line: string) => {
      const { stdout } = await run('fish', ['--no-config', '-c', `source ${file}; complete -C '${line}'`]);
      return stdout.split('\n').map((it) => it.split('\t')[0]);
    };
    expect(await offered('mink projections what')).toContain('what-if');
    expect(await offered('mink completion ')).toEqual(expect.arrayContaining(['bash', 'fish', 'zsh']));
  });

  test('of another shell there is none', async () => {
    const { exitCode, stderr } = await runMink(['completion', 'tcsh']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('Allowed choices are bash, zsh, fish');
  });
});
