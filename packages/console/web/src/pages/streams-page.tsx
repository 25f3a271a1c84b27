import type { PageProps } from '../routing/lazy-page.tsx';
import { StreamList } from './streams/stream-list.tsx';
import { StreamView } from './streams/stream-view.tsx';

/** All streams, or one. */
export function StreamsPage({ names: [streamName] }: PageProps) {
  return streamName === undefined ? <StreamList /> : <StreamView streamName={streamName} />;
}
