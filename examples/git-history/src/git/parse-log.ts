import { GitHistoryError } from '../errors.ts';
import type { Commit, FileChange, Lines } from './commit.ts';
import { quotePath } from './quote-path.ts';
import { TokenReader } from './token-reader.ts';

/** What {@link parseLog} expects of `git diff-tree -z --raw --numstat`: seven fields a commit, then its changes. */
export const LOG_FORMAT = 'tformat:commit %H%x00%P%x00%aN%x00%aE%x00%at%x00%ct%x00%s';

const HEADER = 'commit ';
const COLON = 0x3a;
const LINE_FEED = 0x0a;
const LAST_MOMENT = Date.UTC(9999, 11, 31);

/** Commits out of the output of `git diff-tree -z --raw --numstat` in {@link LOG_FORMAT}, one at a time. */
export async function* parseLog(output: AsyncIterable<Buffer>): AsyncGenerator<Commit, void, undefined> {
  const tokens = new TokenReader(output, '\0');
  try {
    let token = await tokens.next();
    while (token !== undefined) {
      const header = await readHeader(token, tokens);
      const { changes, following } = await readChanges(tokens);
      yield { ...header, changes };
      token = following;
    }
  } finally {
    await tokens.close();
  }
}

async function readHeader(first: Buffer, tokens: TokenReader): Promise<Omit<Commit, 'changes'>> {
  const text = first.toString('utf8');
  if (!text.startsWith(HEADER)) throw unexpected(first);
  const parents = await textToken(tokens);
  const authorName = await textToken(tokens);
  const authorEmail = await textToken(tokens);
  const authoredAt = toDate(await textToken(tokens));
  const committedAt = toDate(await textToken(tokens));
  const subject = await textToken(tokens);
  return {
    hash: text.slice(HEADER.length),
    parents: parents === '' ? [] : parents.split(' '),
    authorName,
    authorEmail,
    authoredAt: authoredAt ?? committedAt ?? new Date(0),
    committedAt: committedAt ?? authoredAt ?? new Date(0),
    subject,
  };
}

/** A commit made by a broken tool may have a time that is none, or none that ISO 8601 can write. */
function toDate(seconds: string): Date | undefined {
  const milliseconds = Number(seconds) * 1_000;
  if (seconds === '' || !Number.isFinite(milliseconds) || Math.abs(milliseconds) > LAST_MOMENT) return undefined;
  return new Date(milliseconds);
}

/** First all raw entries (`:100644 … R086`, with one or two paths), then the line counts of the same paths. */
async function readChanges(
  tokens: TokenReader,
): Promise<{ readonly changes: readonly FileChange[]; readonly following: Buffer | undefined }> {
  const raw: { readonly status: string; readonly path: string; readonly from: string | undefined }[] = [];
  const lines = new Map<string, Lines>();
  let token = withoutLineFeed(await tokens.next());
  for (; token?.[0] === COLON; token = await tokens.next()) {
    const status = token.toString('latin1').split(' ').at(-1)?.[0] ?? '';
    const first = await pathToken(tokens);
    const isPair = status === 'R' || status === 'C';
    raw.push(
      isPair ? { status, from: first, path: await pathToken(tokens) } : { status, from: undefined, path: first },
    );
  }
  for (let count = countOf(token); count !== undefined; count = countOf(token)) {
    lines.set(count.path === '' ? await renamedPath(tokens) : count.path, count.lines);
    token = await tokens.next();
  }
  const changes = raw.map(({ status, path, from }) => toChange(status, { path, from, lines: lines.get(path) }));
  return { changes, following: token };
}

function toChange(
  status: string,
  {
    path,
    from,
    lines = { added: 0, removed: 0 },
  }: { path: string; from: string | undefined; lines?: Lines | undefined },
): FileChange {
  switch (status) {
    case 'A':
    case 'C':
      return { status: 'added', path, lines };
    case 'D':
      return { status: 'deleted', path, lines };
    case 'R':
      return { status: 'renamed', path, from: from ?? path, lines };
    default:
      return { status: 'modified', path, lines };
  }
}

/** `12\t3\tpath`, `-\t-\tpath` for a binary file, and `0\t0\t` with both paths to follow for a rename. */
function countOf(token: Buffer | undefined): { readonly path: string; readonly lines: Lines } | undefined {
  if (token === undefined) return undefined;
  const match = /^(?<added>\d+|-)\t(?<removed>\d+|-)\t/u.exec(token.subarray(0, 64).toString('latin1'));
  if (match?.groups === undefined) return undefined;
  const { added, removed } = match.groups;
  const path = quotePath(token.subarray(match[0].length));
  return { path, lines: added === '-' ? null : { added: Number(added), removed: Number(removed) } };
}

async function renamedPath(tokens: TokenReader): Promise<string> {
  await pathToken(tokens);
  return pathToken(tokens);
}

async function pathToken(tokens: TokenReader): Promise<string> {
  return quotePath(await required(tokens));
}

async function textToken(tokens: TokenReader): Promise<string> {
  return (await required(tokens)).toString('utf8');
}

async function required(tokens: TokenReader): Promise<Buffer> {
  const token = await tokens.next();
  if (token === undefined)
    throw new GitHistoryError('GIT_FAILED', 'The output of git diff-tree ends in the middle of a commit.');
  return token;
}

/** With `-z` git still puts a line feed between a commit and its changes. */
function withoutLineFeed(token: Buffer | undefined): Buffer | undefined {
  return token?.[0] === LINE_FEED ? token.subarray(1) : token;
}

function unexpected(token: Buffer): GitHistoryError {
  const start = JSON.stringify(token.subarray(0, 80).toString('utf8'));
  return new GitHistoryError('GIT_FAILED', `git diff-tree said something unexpected: ${start}`);
}
