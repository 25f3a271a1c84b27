import { createContext, type ComponentChildren } from 'preact';
import { useCallback, useContext, useEffect, useMemo, useState } from 'preact/hooks';
import type { ActionName, Problem, Session } from '../../../src/api-types.ts';
import { asProblem, deleteJson, getJson, onSignedOut, postJson, setCsrfToken } from './client.ts';

/** Who looks, what they may do, and how to come and go. */
export interface SessionState {
  readonly session: Session | undefined;
  readonly error: Problem | undefined;
  readonly reload: () => void;
  /** Throws `ProblemError` when the token is not known. */
  readonly signIn: (token: string) => Promise<void>;
  readonly signOut: () => Promise<void>;
}

const Context = createContext<SessionState | undefined>(undefined);

/** The session of the page. Throws outside of {@link SessionProvider}. */
export function useSession(): SessionState {
  const state = useContext(Context);
  if (state === undefined) throw new Error('useSession is used outside of SessionProvider.');
  return state;
}

/** Why the user may not do this, for the tooltip of its button; undefined where they may. */
export function useRefusal(action: ActionName): string | undefined {
  return useSession().session?.refusals[action];
}

export function SessionProvider({ children }: { readonly children: ComponentChildren }) {
  const [session, setSession] = useState<Session>();
  const [error, setError] = useState<Problem>();

  const read = useCallback(async (): Promise<void> => {
    try {
      const found = await getJson<Session>('session');
      setCsrfToken(found.csrfToken);
      setSession(found);
      setError(undefined);
    } catch (failure) {
      setError(asProblem(failure));
    }
  }, []);
  const reload = useCallback((): void => void read(), [read]);
  useEffect(() => {
    onSignedOut(() => void read());
    void read();
  }, [read]);

  const state = useMemo<SessionState>(
    () => ({
      session,
      error,
      reload,
      signIn: async (token) => {
        await postJson('session', { token });
        await read();
      },
      signOut: async () => {
        await deleteJson('session');
        await read();
      },
    }),
    [session, error, read, reload],
  );
  return <Context.Provider value={state}>{children}</Context.Provider>;
}
