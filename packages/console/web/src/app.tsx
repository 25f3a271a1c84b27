import { useCallback, useEffect, useState } from 'preact/hooks';
import { LiveFeedProvider } from './api/live-feed.tsx';
import { SessionProvider, useSession } from './api/session.tsx';
import { KeysDialog } from './components/keys-dialog.tsx';
import { Layout } from './components/layout.tsx';
import { EmptyNotice, ErrorNotice, Skeleton } from './components/notices.tsx';
import { useShortcuts } from './components/shortcuts.ts';
import { SignIn } from './components/sign-in.tsx';
import { Toasts } from './components/toasts.tsx';
import { Link, useSegments } from './routing/location.tsx';
import { pages } from './routing/pages.ts';

/** The whole page. */
export function App() {
  return (
    <SessionProvider>
      <Gate />
      <Toasts />
    </SessionProvider>
  );
}

/** Nobody sees anything before it is known who they are. */
function Gate() {
  const { session, error, reload } = useSession();
  if (session === undefined) {
    return (
      <main class="gate">
        <h1 class="visually-hidden">mink console</h1>
        {error === undefined ? <Skeleton rows={3} /> : <ErrorNotice problem={error} retry={reload} />}
      </main>
    );
  }
  if (session.user === undefined) return <SignIn session={session} />;
  return (
    <LiveFeedProvider>
      <Console />
    </LiveFeedProvider>
  );
}

function Console() {
  const { session } = useSession();
  const segments = useSegments();
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const openHelp = useCallback(() => setIsHelpOpen(true), []);
  useShortcuts(openHelp);
  useFocusOnNewPage(segments.join('/'));

  const [path = '', ...names] = segments;
  const current = pages.find((page) => page.path === path);
  if (session === undefined) return null;
  return (
    <Layout session={session} current={current} onHelp={openHelp}>
      {current === undefined ? <NoSuchPage /> : <current.page key={segments.join('/')} names={names} />}
      {isHelpOpen && <KeysDialog onClose={() => setIsHelpOpen(false)} />}
    </Layout>
  );
}

function NoSuchPage() {
  return (
    <EmptyNotice title="There is no such page.">
      <Link to="/">To the overview</Link>
    </EmptyNotice>
  );
}

/** Lets keyboards and screen readers begin at the top of what was opened; not on the first page, where nobody has moved yet. */
function useFocusOnNewPage(place: string): void {
  const [first] = useState(place);
  const [hasMoved, setHasMoved] = useState(false);
  useEffect(() => {
    if (place !== first) setHasMoved(true);
    if (place === first && !hasMoved) return;
    document.querySelector<HTMLElement>('#main')?.focus({ preventScroll: true });
    scrollTo({ top: 0 });
  }, [place, first, hasMoved]);
}
