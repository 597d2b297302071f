import type { Session } from './api-types.ts';
import { connection } from './connection.ts';
import { Logo, ThemeIcon } from './icons.tsx';
import { links, type Route } from './router.ts';
import { signOut } from './signing.ts';
import { useStore } from './store.ts';
import { chooseTheme, THEMES, useThemeChoice } from './theme.ts';
import { toast } from './toasts.tsx';

const SECTIONS = [
  { name: 'Sheets', href: links.sheets, pages: ['sheets', 'sheet'] },
  { name: 'Logs', href: links.logs, pages: ['logs', 'log'] },
  { name: 'Messages', href: links.messages, pages: ['messages'] },
  { name: 'Jobs', href: links.jobs(), pages: ['jobs', 'job', 'schedules'] },
  { name: 'Work', href: links.work(), pages: ['work', 'unit'] },
];

export function Header({ route, session: who }: { route: Route; session: Session }) {
  return (
    <header className="header">
      <a className="brand" href={links.sheets} aria-label="Tidemark, to the sheets">
        <Logo />
        <span className="brand-name">Tidemark</span>
      </a>
      <nav aria-label="Main">
        {SECTIONS.map(({ name, href, pages }) => (
          <a key={name} href={href} aria-current={pages.includes(route.page) ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <div className="header-end">
        <ConnectionState />
        {who.readOnly && <span className="tag">read-only</span>}
        <ThemeSwitch />
        <Account session={who} />
      </div>
    </header>
  );
}

function ConnectionState() {
  const state = useStore(connection);
  return (
    <span className={`connection connection--${state}`} role="status">
      <span className="dot" aria-hidden="true" />
      <span className="connection-word">{state === 'connected' ? 'Connected' : 'Reconnecting'}</span>
    </span>
  );
}

export function ThemeSwitch() {
  const choice = useThemeChoice();
  const next = THEMES[(THEMES.indexOf(choice) + 1) % THEMES.length] ?? 'system';
  const label = `Theme: ${choice}. Change to ${next}`;
  return (
    <button type="button" className="icon-button" aria-label={label} title={label} onClick={() => chooseTheme(next)}>
      <ThemeIcon choice={choice} />
    </button>
  );
}

function Account({ session: { actor, auth } }: { session: Session }) {
  if (auth !== 'tokens') return null;
  const leave = async () => {
    try {
      await signOut();
    } catch (error) {
      toast(`You are still signed in. ${(error as Error).message}`, 'danger');
    }
  };
  return (
    <span className="account">
      {actor && (
        <span className="account-name" title={`Signed in as ${actor}`}>
          {actor}
        </span>
      )}
      <button type="button" className="button button--quiet" onClick={leave}>
        Sign out
      </button>
    </span>
  );
}
