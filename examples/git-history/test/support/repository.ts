import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { quotePath } from '../../src/git/quote-path.ts';

const DAY = 86_400;
const START = Date.UTC(2024, 0, 1) / 1_000;

/** A commit to make; names stand for hashes. Without `parents` it follows the one made before it. */
export interface CommitPlan {
  readonly name: string;
  readonly parents?: readonly string[];
  readonly author?: string;
  /** Days after 2024-01-01, where the default counts commits. */
  readonly day?: number;
  readonly subject?: string;
  /** New content of files by path, or null to delete them. */
  readonly files?: Readonly<Record<string, string | Buffer | null>>;
  /** The same for paths that are not text. */
  readonly rawFiles?: readonly (readonly [path: Buffer, content: string])[];
}

/** A repository of made-up commits in a temporary folder, gone when the test ends. */
export class TestRepository {
  readonly path: string;
  readonly #marks = new Map<string, number>();
  #last: string | undefined;

  constructor(path: string) {
    this.path = path;
  }

  /** Makes commits and moves the branch to the last one, with `git fast-import`: no working tree, no clock. */
  async add(...plans: readonly CommitPlan[]): Promise<void> {
    const marks = join(this.path, 'test-marks');
    const commands = plans.flatMap((plan) => this.#commands(plan));
    commands.push(`reset refs/heads/main\nfrom :${this.#markOf(this.#last ?? '')}\n\n`);
    await this.#feed(
      ['fast-import', '--quiet', '--force', `--export-marks=${marks}`, `--import-marks-if-exists=${marks}`],
      commands,
    );
  }

  /** Runs git here and returns what it prints. */
  async git(...args: readonly string[]): Promise<string> {
    return (await promisify(execFile)('git', ['-C', this.path, ...args])).stdout.trim();
  }

  async hashOf(name: string): Promise<string> {
    return this.git('rev-parse', `refs/test/${this.#markOf(name)}`);
  }

  #commands(plan: CommitPlan): (string | Buffer)[] {
    const { name, author = 'Ann <ann@example.com>', subject = name, files = {}, rawFiles = [] } = plan;
    const parents = plan.parents ?? (this.#last === undefined ? [] : [this.#last]);
    const mark = this.#marks.size + 1;
    const time = START + (plan.day ?? mark) * DAY;
    this.#marks.set(name, mark);
    this.#last = name;
    return [
      `commit refs/test/${mark}\nmark :${mark}\nauthor ${author} ${time} +0000\n`,
      `committer Committer <c@example.com> ${time} +0000\n`,
      ...data(subject),
      ...parents.map((parent, index) => `${index === 0 ? 'from' : 'merge'} :${this.#markOf(parent)}\n`),
      ...Object.entries(files).flatMap(([path, content]) => fileCommand(Buffer.from(path), content)),
      ...rawFiles.flatMap(([path, content]) => fileCommand(path, content)),
      '\n',
    ];
  }

  #markOf(name: string): number {
    const mark = this.#marks.get(name);
    if (mark === undefined) throw new Error(`There is no commit "${name}".`);
    return mark;
  }

  async #feed(args: readonly string[], input: readonly (string | Buffer)[]): Promise<void> {
    const child = spawn('git', ['-C', this.path, ...args], { stdio: ['pipe', 'inherit', 'inherit'] });
    child.stdin.end(Buffer.concat(input.map((part) => (typeof part === 'string' ? Buffer.from(part) : part))));
    await once(child, 'close');
    if (child.exitCode !== 0) throw new Error(`git ${args[0]} ended with ${child.exitCode}.`);
  }
}

/** A new repository with these commits. */
export async function createRepository(...plans: readonly CommitPlan[]): Promise<TestRepository> {
  const path = await temporaryFolder();
  await promisify(execFile)('git', ['init', '--quiet', '--initial-branch=main', path]);
  const repository = new TestRepository(path);
  if (plans.length > 0) await repository.add(...plans);
  return repository;
}

export async function temporaryFolder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'git-history-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true, maxRetries: 3 }));
  return path;
}

/** A history with side branches, merges, renames and deletions; the same for the same random numbers. */
export function randomPlans(random: () => number, count: number): readonly CommitPlan[] {
  const pick = (limit: number): number => Math.floor(random() * limit);
  const plans: CommitPlan[] = [];
  for (let index = 0; index < count; index += 1) {
    const parents = new Set([`c${Math.max(index - 1 - pick(4), 0)}`]);
    if (index > 3 && pick(4) === 0) parents.add(`c${index - 1 - pick(3)}`);
    const files = Array.from({ length: pick(7) }, (): [string, string | null] => [
      `folder${pick(2)}/file${pick(12)}`,
      pick(6) === 0 ? null : `${'line\n'.repeat(pick(20))}${pick(5)}`,
    ]);
    plans.push({
      name: `c${index}`,
      parents: index === 0 ? [] : [...parents],
      author: `Author ${pick(3)} <author${pick(3)}@example.com>`,
      day: pick(count),
      files: Object.fromEntries(files),
    });
  }
  // One head over everything, so that all of it is imported.
  return [...plans, { name: 'head', parents: headsOf(plans) }];
}

function headsOf(plans: readonly CommitPlan[]): readonly string[] {
  const withChildren = new Set(plans.flatMap(({ parents }) => parents ?? []));
  return plans.map(({ name }) => name).filter((name) => !withChildren.has(name));
}

function fileCommand(path: Buffer, content: string | Buffer | null): (string | Buffer)[] {
  const quoted = quotePath(path);
  if (content === null) return [`D ${quoted}\n`];
  return [`M 100644 inline ${quoted}\n`, ...data(content)];
}

function data(content: string | Buffer): (string | Buffer)[] {
  const bytes = Buffer.from(content);
  return [`data ${bytes.length}\n`, bytes, '\n'];
}
