/** What the API gives instead of a value that is not shown: its kind. */
const MASKED = /^‹(?<kind>[a-z]+)›$/u;

/** The kind of a value that is masked; undefined for one that is shown. */
export function maskedKind(value: unknown): string | undefined {
  return typeof value === 'string' ? MASKED.exec(value)?.groups?.['kind'] : undefined;
}
