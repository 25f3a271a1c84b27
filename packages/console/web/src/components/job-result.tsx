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
          <JsonTree label={wordsOf(name)} value={value} />
        </div>
      ))}
    </>
  );
}

/** `parkedKeys` as `parked keys` */
const wordsOf = (name: string): string => name.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`);

function shown(name: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return name === 'duration' ? duration(value) : count(value);
  return typeof value === 'string' ? value : NOTHING;
}
