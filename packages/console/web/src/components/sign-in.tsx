import { useState } from 'preact/hooks';
import type { Problem, Session } from '../../../src/api-types.ts';
import { asProblem } from '../api/client.ts';
import { useSession } from '../api/session.tsx';
import { Button } from './button.tsx';
import { TextField } from './fields.tsx';
import { ErrorNotice } from './notices.tsx';

/** Asks for a token, where the console itself knows who is who. */
export function SignIn({ session }: { readonly session: Session }) {
  const { signIn, reload } = useSession();
  const [token, setToken] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setIsBusy] = useState(false);

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setIsBusy(true);
    try {
      await signIn(token.trim());
    } catch (error) {
      setProblem(asProblem(error));
      setIsBusy(false);
    }
  };
  return (
    <main class="gate">
      <form class="panel sign-in" onSubmit={(event) => void submit(event)}>
        <header>
          <h1>mink console</h1>
          <span class={`environment environment-${session.environment.kind}`}>{session.environment.name}</span>
        </header>
        {session.canSignIn ? (
          <>
            <TextField
              label="Token"
              value={token}
              onChange={setToken}
              hint="The one you were given for this console. It is sent to nobody else, and the page does not keep it."
              input={{ type: 'password', autocomplete: 'current-password', required: true, autofocus: true }}
            />
            {problem !== undefined && <ErrorNotice problem={problem} />}
            <Button
              type="submit"
              tone="primary"
              isBusy={isBusy}
              refusal={token.trim() === '' ? 'Enter a token first.' : undefined}
            >
              Sign in
            </Button>
          </>
        ) : (
          <>
            <p>
              Sign in where you came from: the application around this console says who you are, and it does not know
              you.
            </p>
            <Button onClick={reload}>Try again</Button>
          </>
        )}
      </form>
    </main>
  );
}
