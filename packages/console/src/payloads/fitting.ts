/** Characters of the JSON of a page: a payload may have a megabyte. */
const LARGEST = 4_000_000;

/** The first items that fit into one answer; one at least. */
export function fitting<T>(items: readonly T[]): readonly T[] {
  let size = 0;
  const end = items.findIndex((item, index) => {
    size += JSON.stringify(item).length;
    return index > 0 && size > LARGEST;
  });
  return end === -1 ? items : items.slice(0, end);
}
