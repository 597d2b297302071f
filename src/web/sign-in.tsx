import { type FormEvent, useState } from 'react';
import { TidemarkError } from '../errors.ts';
import { ThemeSwitch } from './header.tsx';
import { Logo } from './icons.tsx';
import { signIn } from './signing.ts';
import { UnsavedNotice } from './unsaved-notice.tsx';

/** A token is exchanged for a session, whose cookie this page cannot read. The token itself is kept nowhere. */
export function SignIn() {
  const [token, setToken] = useState('');
  const [isAsking, setIsAsking] = useState(false);
  const [problem, setProblem] = useState<string>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setIsAsking(true);
    setProblem(undefined);
    try {
      await signIn(token.trim());
    } catch (error) {
      setProblem(explain(error));
      setIsAsking(false);
    }
  };

  return (
    <main className="sign-in">
      <form onSubmit={submit} className="card">
        <h1>
          <Logo /> Tidemark
        </h1>
        <label htmlFor="token">Access token</label>
        <input
          id="token"
          type="password"
          autoComplete="current-password"
          required
          value={token}
          onChange={(event) => setToken(event.target.value)}
          aria-describedby="token-hint"
          aria-invalid={problem !== undefined}
        />
        <p id="token-hint" className="muted">
          Whoever runs this server makes one with <code>tidemark tokens create</code>.
        </p>
        <p role="alert" className="form-problem">
          {problem}
        </p>
        <button type="submit" className="button button--primary" disabled={isAsking}>
          {isAsking ? 'Signing in …' : 'Sign in'}
        </button>
      </form>
      <UnsavedNotice />
      <ThemeSwitch />
    </main>
  );
}

/** Inside of another application it is that application which knows people. */
function explain(error: unknown): string {
  return error instanceof TidemarkError && error.code === 'not_found'
    ? 'Nobody signs in here: do so in the application that this page is part of, then load it again.'
    : (error as Error).message;
}
