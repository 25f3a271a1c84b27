/** The order of text in the database; JavaScript compares code units, which is another one above U+FFFF. */
export function byCodePoint(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
