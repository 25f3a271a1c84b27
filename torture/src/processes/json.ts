/** An object of a file or a command line that this program has written itself. */
export interface JsonRecord {
  readonly [name: string]: unknown;
}

/** Undefined for text that is cut off, as the last line of a process that was killed may be. */
export function parseRecord(text: string): JsonRecord | undefined {
  try {
    return toRecord(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function toRecord(value: unknown): JsonRecord | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
}

export function textIn(record: JsonRecord, name: string): string {
  const value = record[name];
  if (typeof value !== 'string') throw new Error(`"${name}" is no text in ${JSON.stringify(record)}`);
  return value;
}

export function numberIn(record: JsonRecord, name: string): number {
  const value = record[name];
  if (typeof value !== 'number') throw new Error(`"${name}" is no number in ${JSON.stringify(record)}`);
  return value;
}

export function listIn(record: JsonRecord, name: string): readonly unknown[] {
  const value = record[name];
  if (!Array.isArray(value)) throw new Error(`"${name}" is no list in ${JSON.stringify(record)}`);
  return value;
}

export function recordsIn(record: JsonRecord, name: string): readonly JsonRecord[] {
  return listIn(record, name).map((item) => toRecord(item) ?? {});
}

export function textsIn(record: JsonRecord, name: string): readonly string[] {
  return listIn(record, name).map(String);
}

export function recordIn(record: JsonRecord, name: string): JsonRecord {
  const value = toRecord(record[name]);
  if (value === undefined) throw new Error(`"${name}" is no object in ${JSON.stringify(record)}`);
  return value;
}

/** The JSON of a value, the same for equal values: fields are sorted by name. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_name, item: unknown) => {
    const record = item instanceof Date ? undefined : toRecord(item);
    if (record === undefined) return item;
    return Object.fromEntries(Object.entries(record).toSorted(([left], [right]) => (left < right ? -1 : 1)));
  });
}
