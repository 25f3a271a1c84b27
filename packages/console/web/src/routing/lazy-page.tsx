import type { ComponentType, FunctionComponent } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Problem } from '../../../src/api-types.ts';
import { ErrorNotice, Skeleton } from '../components/notices.tsx';

/** What every page is given. */
export interface PageProps {
  /** The names in the path after that of the page. */
  readonly names: readonly string[];
}

/** Browsers tell no more than that. */
const NOT_LOADED: Problem = {
  code: 'PAGE_NOT_LOADED',
  message:
    'This page could not be loaded: the console was updated meanwhile, or is away. Try again, which loads all of it anew.',
};

/** A page whose code is loaded when it is first opened. */
export function lazyPage(load: () => Promise<ComponentType<PageProps>>): FunctionComponent<PageProps> {
  let loaded: ComponentType<PageProps> | undefined;
  return function LazyPage(props) {
    const [Page, setPage] = useState<ComponentType<PageProps> | undefined>(() => loaded);
    const [problem, setProblem] = useState<Problem>();
    useEffect(() => {
      if (Page !== undefined) return;
      const open = async (): Promise<void> => {
        try {
          loaded = await load();
          setPage(() => loaded);
        } catch {
          setProblem(NOT_LOADED);
        }
      };
      void open();
    }, [Page]);
    if (problem !== undefined) return <ErrorNotice problem={problem} retry={() => location.reload()} />;
    return Page === undefined ? <Skeleton rows={8} /> : <Page {...props} />;
  };
}
