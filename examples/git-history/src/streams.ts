import { createHash } from 'node:crypto';
import { streamName } from 'mink';
import { quotePath } from './git/quote-path.ts';

/** Of the first commit's hash: several repositories share one store, and clones of one are the same. */
const REPOSITORY_ID_LENGTH = 16;
/** Leaves room for the category, the repository and a digest below the 512 characters a stream name may have. */
const MAX_NAME_LENGTH = 400;

/** The id of the repository that began with a commit. */
export function repositoryId(root: string): string {
  return root.slice(0, REPOSITORY_ID_LENGTH);
}

/** The id of a file or an author: the stream name without its category. */
export function entityId(repository: string, name: string): string {
  return `${repository}:${shorten(name)}`;
}

export function repositoryStream(repository: string): `Repository-${string}` {
  return streamName('Repository', repository);
}

export function fileStream(repository: string, path: string): `File-${string}` {
  return streamName('File', entityId(repository, path));
}

export function authorStream(repository: string, author: string): `Author-${string}` {
  return streamName('Author', entityId(repository, author));
}

/** Authors are told apart by their address, ignoring case, and where there is none by their name. */
export function authorKey({ name, email }: { readonly name: string; readonly email: string }): string {
  const key = [email, name].map((text) => text.trim().toLowerCase()).find((text) => text !== '');
  return quotePath(Buffer.from(key ?? 'unknown'));
}

/** The repository that the stream of a file or an author belongs to. */
export function repositoryOf(stream: string): string {
  return stream.slice(stream.indexOf('-') + 1, stream.indexOf(':'));
}

/** The path or the author that a stream is about, shortened as in its name. */
export function entityOf(stream: string): string {
  return stream.slice(stream.indexOf(':') + 1);
}

/** Shortened names are longer than any name that is kept, so the two never meet. */
export function shorten(name: string): string {
  if (name.length <= MAX_NAME_LENGTH) return name;
  const digest = createHash('sha256').update(name).digest('hex');
  return `${name.slice(0, MAX_NAME_LENGTH).replace(/[\uD800-\uDBFF]$/u, '')}~${digest}`;
}
