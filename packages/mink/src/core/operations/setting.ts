import type { JsonValue } from '../json.ts';

/** Something that is set, what it is in effect, and who has said so. */
export interface Setting {
  /** The part and the option: `pool.maxConnections`. */
  readonly name: string;
  /** What is in effect. Never a secret. */
  readonly value: JsonValue;
  /** `option`: by whoever has made the part; `database`: by its server; `default`: by nobody. */
  readonly source: 'default' | 'option' | 'database';
}

/** The settings of a part: what is in effect by name, and the options that it was made with. */
export function settingsOf(
  part: string,
  inEffect: Readonly<Record<string, JsonValue>>,
  given: object,
): readonly Setting[] {
  return Object.entries(inEffect).map(([name, value]) => {
    const isGiven: boolean = Reflect.get(given, name) !== undefined;
    return { name: `${part}.${name}`, value, source: isGiven ? 'option' : 'default' };
  });
}
