import type { PageProps } from '../routing/lazy-page.tsx';
import { DeadLetterList } from './dead-letters/dead-letter-list.tsx';
import { ParkedKeyView } from './dead-letters/parked-key-view.tsx';

/** All that was given up for now, or one key of it. */
export function DeadLettersPage({ names: [projection, version, key] }: PageProps) {
  if (projection === undefined || version === undefined || key === undefined) return <DeadLetterList />;
  return <ParkedKeyView projection={projection} version={version} parkedKey={key} />;
}
