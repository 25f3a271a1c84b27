import { pages } from '../routing/pages.ts';
import { Dialog } from './dialog.tsx';

const KEYS: readonly (readonly [string, string])[] = [
  ['?', 'These keys'],
  ['/', 'Search'],
  ['j  k', 'Next row, row before'],
  ['Enter', 'Open the row'],
  ['Esc', 'Close, or back to where it belongs'],
  ['← →', 'Event before and after, in the time travel'],
  ['Space', 'Play and pause, in the time travel and the live tail'],
];

/** What can be done by keyboard. */
export function KeysDialog({ onClose }: { readonly onClose: () => void }) {
  const all = [...KEYS, ...pages.map(({ key, label }) => [`g ${key}`, label] as const)];
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="keys">
        {all.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              {keys
                .split(' ')
                .filter(Boolean)
                .map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
