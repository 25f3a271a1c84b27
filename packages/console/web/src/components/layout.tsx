import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Session } from '../../../src/api-types.ts';
import { useLiveFeed, type LiveStatus } from '../api/live-feed.tsx';
import { useSession } from '../api/session.tsx';
import { go, Link } from '../routing/location.tsx';
import { pages, type PageEntry } from '../routing/pages.ts';
import { clockTime } from '../format/times.ts';
import { Icon } from './icon.tsx';
import { useTheme } from './theme.ts';

export interface LayoutProps {
  readonly session: Session;
  readonly current: PageEntry | undefined;
  readonly onHelp: () => void;
  readonly children: ComponentChildren;
}

/** What stands around every page. */
export function Layout({ session, current, onHelp, children }: LayoutProps) {
  const [isMenuOpen, setIsMenuOpen] = useState(false);
  useEffect(() => setIsMenuOpen(false), [current]);
  return (
    <div class={`shell shell-${session.environment.kind}`}>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <header class="bar">
        <button
          type="button"
          class="icon-button menu-button"
          aria-label="Menu"
          aria-expanded={isMenuOpen}
          aria-controls="menu"
          onClick={() => setIsMenuOpen(!isMenuOpen)}
        >
          <Icon name={isMenuOpen ? 'close' : 'menu'} />
        </button>
        <Link to="/" class="brand" aria-label="mink console">
          mink
        </Link>
        <span class={`environment environment-${session.environment.kind}`} title="Environment">
          {session.environment.name}
        </span>
        {session.isReadOnly && (
          <span class="tag" title="No action is allowed to anybody: the console was started so.">
            read-only
          </span>
        )}
        <LiveMark />
        <StreamSearch />
        <UserMenu session={session} onHelp={onHelp} />
      </header>
      <nav id="menu" class={`menu ${isMenuOpen ? 'is-open' : ''}`} aria-label="Pages">
        {pages.map((page) => (
          <Link
            key={page.path}
            to={`/${page.path}`}
            aria-current={page === current ? 'page' : undefined}
            title={`g ${page.key}`}
          >
            <Icon name={page.icon} />
            {page.label}
            <MenuCount page={page} />
          </Link>
        ))}
        <SignOut session={session} />
        <p class="release">mink {session.release}</p>
      </nav>
      <main id="main" class="main" tabIndex={-1}>
        <StaleNotice />
        {children}
      </main>
    </div>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}

const LIVE_TEXT: Readonly<Record<LiveStatus, string>> = {
  connecting: 'connecting…',
  live: 'live',
  lost: 'not live',
};

/** Whether what is seen is of now. */
function LiveMark() {
  const { status } = useLiveFeed();
  return (
    <span
      class={`live live-${status}`}
      role="status"
      title={status === 'lost' ? 'The console does not answer: what you see is old. Connecting again…' : undefined}
    >
      <span class="dot" aria-hidden="true" />
      {LIVE_TEXT[status]}
    </span>
  );
}

/** Says from when the page is, where that is not now. */
function StaleNotice() {
  const { status, overview, problem } = useLiveFeed();
  if (status !== 'lost') return null;
  return (
    <p class="stale" role="status">
      <b>Not live.</b> {problem?.message ?? 'The console does not answer; connecting again…'}
      {overview !== undefined && ` What you see is from ${clockTime(overview.at)}.`}
    </p>
  );
}

/** What wants attention, beside the page that shows it. */
function MenuCount({ page }: { readonly page: PageEntry }) {
  const { overview } = useLiveFeed();
  if (overview === undefined) return null;
  const value = { 'dead-letters': overview.deadLetters.keys, health: overview.health.reasons.length }[page.path] ?? 0;
  if (value === 0) return null;
  return <span class="menu-count">{value}</span>;
}

function StreamSearch() {
  const [text, setText] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    if (text.trim() !== '') go(`/streams?search=${encodeURIComponent(text.trim())}`);
    setText('');
  };
  return (
    <form class="bar-search" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input
        type="search"
        aria-label="Find a stream by its name"
        placeholder="Find a stream"
        autocomplete="off"
        spellcheck={false}
        data-search-bar
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <kbd>/</kbd>
    </form>
  );
}

/** In the bar; in the menu where the bar has no room for it. */
function SignOut({ session }: { readonly session: Session }) {
  const { signOut } = useSession();
  if (!session.canSignIn || session.user === undefined) return null;
  return (
    <button type="button" class="link-button sign-out" onClick={() => void signOut()}>
      Sign out
    </button>
  );
}

function UserMenu({ session, onHelp }: { readonly session: Session; readonly onHelp: () => void }) {
  const [theme, toggleTheme] = useTheme();
  const { user } = session;
  return (
    <div class="bar-end">
      {user !== undefined && (
        <span class="user" title={`${user.name}: ${user.role}, payloads ${user.payloads}`}>
          <span class="user-name">{user.name}</span> <span class="tag">{user.role}</span>
        </span>
      )}
      <SignOut session={session} />
      <button type="button" class="icon-button keys-button" aria-label="Keys" title="Keys (?)" onClick={onHelp}>
        <Icon name="keyboard" />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label={theme === 'dark' ? 'Light theme' : 'Dark theme'}
        title={theme === 'dark' ? 'Light theme' : 'Dark theme'}
        onClick={toggleTheme}
      >
        <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
      </button>
    </div>
  );
}
