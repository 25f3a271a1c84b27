import type { Job } from '../../../src/api-types.ts';
import { Comparison, isComparison } from './comparison.tsx';
import { JsonTree } from './json-tree.tsx';
import { Facts } from './panel.tsx';
import { count, NOTHING } from '../format/numbers.ts';
import { duration } from '../format/times.ts';

/** What a job came to: differences as such, values as they are called. */
export function JobResult({ job }: { readonly job: Job }) {
  const { result } = job;
  if (isComparison(result)) return <Comparison found={result} />;
  if (typeof result !== 'object' || result === null) return <p>{String(result)}</p>;
  const entries = Object.entries(result);
  const plain = entries.filter(([, value]) => typeof value !== 'object' || value === null);
  const nested = entries.filter(([, value]) => typeof value === 'object' && value !== null);
  return (
    <>
      <Facts facts={plain.map(([name, value]) => [wordsOf(name), shown(name, value)] as const)} />
      {nested.map(([name, value]) => (
        <div key={name}>
          <h3>{wordsOf(name)}</h3>
          {isNone(value) ? <p>None</p> : <JsonTree label={wordsOf(name)} value={value} />}
        </div>
      ))}
    </>
  );
}

const isNone = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

/** What does not say by its name what it is. */
const NAMES: Readonly<Partial<Record<string, string>>> = {
  ok: 'As it should be',
  pairs: 'Events by key',
  inline: 'Applied inline',
  shapes: 'Shapes that were tried',
  broken: 'Shapes that this code would break at',
};

/** `parkedKeys` as `Parked keys` */
function wordsOf(name: string): string {
  const words = name.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`);
  return NAMES[name] ?? words.slice(0, 1).toUpperCase() + words.slice(1);
}

function shown(name: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return name === 'duration' ? duration(value) : count(value);
  return typeof value === 'string' ? value : NOTHING;
}
