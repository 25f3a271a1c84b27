import { Problem } from './problem.ts';

// The version of an order is its ETag: version 7 is "7". It is strong, because the same version is always the same
// order.

/** The ETag of a version. */
export function etag(version: number): string {
  return `"${version}"`;
}

/**
 * The version that an `If-Match` header asks for: undefined when there is none, or for `*`, since every command but
 * create needs an existing order anyway.
 */
export function expectedVersion(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  const digits = /^"([1-9]\d{0,14})"$/.exec(ifMatch.trim())?.[1];
  if (digits !== undefined) return Number(digits);
  throw new Problem(
    'INVALID_IF_MATCH',
    'Send one ETag as you got it, quotes included, such as "7"; or * for any version.',
  );
}

/** Whether the client has this version already: what an `If-None-Match` header says. */
export function hasVersion(ifNoneMatch: string | undefined, version: number): boolean {
  if (ifNoneMatch === undefined) return false;
  const own = etag(version);
  return ifNoneMatch.split(',').some((tag) => ['*', own, `W/${own}`].includes(tag.trim()));
}
