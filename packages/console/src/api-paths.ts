/** Names that browsers and servers take for a way through folders, and what begins as one that stands for such a name. */
const NEEDS_MARK = /^(?:\.{1,2}$|~)/u;
const MARK = '~';

/** A name as a part of a path: `.` and `..`, which would be lost on the way even when encoded, get a `~`, as names with one do. */
export function toSegment(name: string | number): string {
  const text = String(name);
  return encodeURIComponent(NEEDS_MARK.test(text) ? MARK + text : text);
}

/** The name for which a decoded part of a path stands. */
export function fromSegment(segment: string): string {
  return segment.startsWith(MARK) ? segment.slice(MARK.length) : segment;
}

/** Names as one text with commas between them, which may hold commas themselves. */
export function toList(names: readonly string[]): string {
  return names.map((name) => encodeURIComponent(name)).join(',');
}

/** The names of such a text. Throws `URIError` for one that nobody has made like that. */
export function fromList(list: string): readonly string[] {
  return list.split(',').map((name) => decodeURIComponent(name));
}
