import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root, type Block } from './markdown.ts';

const RUN_TIMEOUT_MS = 50_000;

/** Compiled snippets, in a directory of their own. */
export interface CompiledSnippets {
  /** What the compiler says of a snippet: each line begins with file, line and column in the page. */
  errorsOf(block: Block): readonly string[];
  /** Runs a snippet in a process of its own, in an empty directory. Rejects with its output when it fails. */
  run(block: Block, env: Readonly<Record<string, string>>): Promise<string>;
  remove(): Promise<void>;
}

/**
 * Compiles snippets in one go, as a strict project inside this repository would: against the built packages, so that
 * types and behaviour are those of what is published.
 */
export async function compileSnippets(blocks: readonly Block[]): Promise<CompiledSnippets> {
  const cache = join(root, 'node_modules', '.cache');
  await mkdir(cache, { recursive: true });
  const project = await mkdtemp(join(cache, 'mink-docs-'));
  await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify(projectFor(blocks)));
  await mkdir(join(project, 'src'));
  for (const block of blocks) {
    // Moved down to where it stands in the page: lines in messages are lines of the page.
    await writeFile(join(project, 'src', `${nameOf(block)}.ts`), '\n'.repeat(block.line) + block.code);
  }
  const output = await tsc(project);
  const messages = output.split(/\n(?=\S)/u).filter((message) => message !== '');
  const own = (block: Block): string => `src/${nameOf(block)}.ts(`;
  const stray = messages.filter((message) => !blocks.some((block) => message.startsWith(own(block))));
  if (stray.length > 0) throw new Error(`tsc: ${stray.join('\n')}`);

  return {
    errorsOf: (block) =>
      messages
        .filter((message) => message.startsWith(own(block)))
        .map((message) =>
          message.slice(own(block).length - 1).replace(/^\((?<line>\d+),(?<column>\d+)\)/u, `${block.file}:$1:$2`),
        ),
    run: async (block, env) => {
      const directory = join(project, 'run', nameOf(block));
      await mkdir(directory, { recursive: true });
      return runNode(join(project, 'dist', `${nameOf(block)}.js`), { directory, env, block });
    },
    remove: () => rm(project, { recursive: true, force: true }),
  };
}

function projectFor(blocks: readonly Block[]): unknown {
  return {
    extends: join(root, 'tsconfig.base.json'),
    compilerOptions: {
      rootDir: 'src',
      outDir: 'dist',
      declaration: false,
      declarationMap: false,
      noEmitOnError: false,
    },
    files: blocks.map((block) => `src/${nameOf(block)}.ts`),
  };
}

function nameOf({ file, line }: Block): string {
  return `${file.replaceAll(/[^\w]/gu, '_')}_${line}`;
}

function tsc(project: string): Promise<string> {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [compiler, '-p', '.', '--pretty', 'false'],
      { cwd: project },
      (error, stdout, stderr) => {
        if (stderr === '' && (error === null || typeof error.code === 'number')) resolve(stdout);
        else reject(new Error(`tsc did not run: ${stderr}`, { cause: error }));
      },
    );
  });
}

function runNode(
  script: string,
  {
    directory,
    env,
    block,
  }: { readonly directory: string; readonly env: Readonly<Record<string, string>>; readonly block: Block },
): Promise<string> {
  // Nothing of the test runner's own environment: a snippet is a program of a reader.
  const { PATH = '', HOME = '' } = process.env;
  const options = { cwd: directory, env: { PATH, HOME, ...env }, timeout: RUN_TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['--enable-source-maps', script], options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const how = error.killed === true ? `did not end within ${RUN_TIMEOUT_MS} ms` : 'failed';
      const said = `${stderr}\n${stdout}`.replaceAll(
        /(?:file:\/\/)?[^\s()]*\/mink-docs-\w+\/src\/\w+\.ts/gu,
        block.file,
      );
      return reject(new Error(`${block.file}:${block.line}: this snippet ${how}.\n${said}`));
    });
  });
}
