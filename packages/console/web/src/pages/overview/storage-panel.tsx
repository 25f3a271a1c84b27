import type { Overview } from '../../../../src/api-types.ts';
import { EmptyNotice } from '../../components/notices.tsx';
import { Panel } from '../../components/panel.tsx';
import { bytes } from '../../format/numbers.ts';

/** What takes how much room, the largest first. */
export function StoragePanel({ bytesByPart }: { readonly bytesByPart: Overview['storageBytes'] }) {
  if (bytesByPart === undefined) {
    return (
      <Panel title="Storage">
        <EmptyNotice title="This storage cannot tell how large it is." />
      </Panel>
    );
  }
  const parts = Object.entries(bytesByPart).toSorted(([, left], [, right]) => right - left);
  const total = parts.reduce((sum, [, size]) => sum + size, 0);
  return (
    <Panel title="Storage" aside={<b>{bytes(total)}</b>}>
      <ul class="bars">
        {parts.map(([part, size]) => (
          <li key={part}>
            <span>{part.replaceAll('_', ' ')}</span>
            <meter min={0} max={Math.max(total, 1)} value={size} aria-label={part.replaceAll('_', ' ')} />
            <span class="number">{bytes(size)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
