import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InvalidArgumentError, type ShapeSample } from '../core/index.ts';

/** A payload from a file. */
export interface FixtureEvent extends ShapeSample {
  /** The file it came from. */
  readonly file: string;
}

/**
 * The payloads that `mink schema fixtures` has written below a directory, by file: one of every shape that was ever stored.
 *
 * @example
 * const { broken } = store.schema.checkSamples([order], readFixtures('fixtures'));
 * assert.deepEqual(broken, []);
 */
export function readFixtures(directory: string): readonly FixtureEvent[] {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'));
  return files.toSorted().flatMap((file) => {
    const fixture = parse(file, readFileSync(join(directory, file), 'utf8'));
    const { category, type, schemaVersion, payloads } = fixture;
    return payloads.map((data) => ({ category, type, schemaVersion, data, file }));
  });
}

/** What a fixture file holds. */
export interface Fixture extends Omit<ShapeSample, 'data'> {
  readonly payloads: readonly ShapeSample['data'][];
}

function parse(file: string, text: string): Fixture {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError('fixtures', `"${file}" is not JSON: ${reason}`);
  }
  if (isFixture(value)) return value;
  throw new InvalidArgumentError(
    'fixtures',
    `"${file}" is no fixture: it needs "category", "type", "schemaVersion" and "payloads"`,
  );
}

function isFixture(value: unknown): value is Fixture {
  return (
    typeof value === 'object' &&
    value !== null &&
    'category' in value &&
    typeof value.category === 'string' &&
    'type' in value &&
    typeof value.type === 'string' &&
    'schemaVersion' in value &&
    Number.isSafeInteger(value.schemaVersion) &&
    'payloads' in value &&
    Array.isArray(value.payloads)
  );
}
