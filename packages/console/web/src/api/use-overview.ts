import type { Overview } from '../../../src/api-types.ts';
import { useLiveFeed } from './live-feed.tsx';
import { useResource, type Resource } from './use-resource.ts';

/** The overview: read once, then as the console tells it. */
export function useOverview(): Resource<Overview> {
  const { overview } = useLiveFeed();
  const resource = useResource<Overview>(overview === undefined ? 'overview' : undefined);
  return overview === undefined ? resource : { ...resource, data: overview, error: undefined, isLoading: false };
}
