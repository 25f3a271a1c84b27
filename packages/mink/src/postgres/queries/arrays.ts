const HEADER_BYTES = 20;
/** The longest message that the server takes (MaxAllocSize). */
const MAX_BYTES = 0x3fff_ffff;
const NULL_LENGTH = -1;
const TEXT_OID = 25;
const JSON_OID = 114;

/** Numbers, or texts without any special character such as UUIDs, as an array literal. */
export function plainArray(values: readonly (number | string)[]): string {
  return `{${values.join(',')}}`;
}

/** An array of text in PostgreSQL's binary format: nothing is escaped here and taken apart again there. */
export function textArray(values: readonly (string | null)[]): Buffer {
  return binaryArray(TEXT_OID, values);
}

/** An array of json, from JSON texts. */
export function jsonArray(values: readonly string[]): Buffer {
  return binaryArray(JSON_OID, values);
}

/** array_recv in the server's arrayfuncs.c: dimensions, has nulls, element type, length, lower bound; then the elements. */
function binaryArray(elementType: number, values: readonly (string | null)[]): Buffer {
  let bytes = HEADER_BYTES;
  for (const value of values) bytes += 4 + (value === null ? 0 : Buffer.byteLength(value));
  if (bytes > MAX_BYTES) throw new RangeError(`an array of ${bytes} bytes is longer than the server takes`);
  const buffer = Buffer.allocUnsafe(bytes);
  buffer.writeInt32BE(1, 0);
  buffer.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  buffer.writeInt32BE(elementType, 8);
  buffer.writeInt32BE(values.length, 12);
  buffer.writeInt32BE(1, 16);
  let at = HEADER_BYTES;
  for (const value of values) {
    const length = value === null ? 0 : buffer.write(value, at + 4);
    buffer.writeInt32BE(value === null ? NULL_LENGTH : length, at);
    at += 4 + length;
  }
  return buffer;
}

/** The numbers of an array that was turned into text with commas. */
export function toNumbers(list: string | null | undefined): readonly number[] {
  return list === null || list === undefined || list === '' ? [] : list.split(',').map(Number);
}
