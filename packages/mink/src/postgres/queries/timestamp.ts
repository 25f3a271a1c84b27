const EARLIEST = Date.parse('0001-01-01T00:00:00Z');
const LATEST = Date.parse('9999-12-31T23:59:59.999Z');

/** Milliseconds since 1970 as PostgreSQL reads them; what lies beyond four-digit years stands for "ever". */
export function toTimestamp(milliseconds: number): string {
  return new Date(Math.min(Math.max(milliseconds, EARLIEST), LATEST)).toISOString();
}
