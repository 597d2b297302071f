/** The page's frame: who is there, the header, and the one page that the address names. Pages are loaded when they are first shown. */
import { lazy, Suspense, useEffect, useRef } from 'react';
import { TidemarkError } from '../errors.ts';
import type { Session } from './api-types.ts';
import { client, session } from './client.ts';
import { ErrorBoundary } from './error-boundary.tsx';
import { Header } from './header.tsx';
import { Failure, Loading } from './notice.tsx';
import { links, parseRoute, type Route, useHash } from './router.ts';
import { SessionContext } from './session-context.ts';
import { SignIn } from './sign-in.tsx';
import { useStore } from './store.ts';
import { Toasts } from './toasts.tsx';
import { UnsavedNotice } from './unsaved-notice.tsx';
import { usePolled } from './use-polled.ts';

const SheetsPage = lazy(() => import('./sheets/sheets-page.tsx'));
const SheetFrame = lazy(() => import('./sheets/sheet-frame.tsx'));
const LogsPage = lazy(() => import('./logs/logs-page.tsx'));
const LogPage = lazy(() => import('./logs/log-page.tsx'));
const JobsPage = lazy(() => import('./jobs/jobs-page.tsx'));
const JobPage = lazy(() => import('./jobs/job-page.tsx'));
const SchedulesPage = lazy(() => import('./schedules/schedules-page.tsx'));
const MessagesPage = lazy(() => import('./messages/messages-page.tsx'));
const WorkPage = lazy(() => import('./work/work-page.tsx'));
const UnitPage = lazy(() => import('./work/unit-page.tsx'));

export function App() {
  const who = useStore(session);
  const isKnown = who !== undefined;
  const asked = usePolled(
    async (signal) => {
      try {
        session.set(await client.session.get({ signal }));
      } catch (error) {
        if (!(error instanceof TidemarkError) || error.code !== 'unauthenticated') throw error;
        session.set('nobody');
      }
      return true;
    },
    0,
    'session',
  );
  if (who === 'nobody') return <SignIn />;
  if (isKnown) return <Signed session={who} />;
  return (
    <main className="page">{asked.error && <Failure what="The server is not there yet." error={asked.error} retry={asked.reload} />}</main>
  );
}

function Signed({ session: who }: { session: Session }) {
  const hash = useHash();
  const route = parseRoute(hash);
  const place = placeOf(route);
  const main = useRef<HTMLElement>(null);
  const last = useRef(place);

  // Another page: its name in the tab, and the keyboard at its beginning, as where the browser itself had gone there.
  useEffect(() => {
    document.title = place === '' ? 'Tidemark' : `${place} · Tidemark`;
    if (last.current === place) return;
    last.current = place;
    main.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [place]);

  return (
    <SessionContext value={who}>
      <button type="button" className="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Header route={route} session={who} />
      <main ref={main} tabIndex={-1} className={route.page === 'sheet' ? 'main main--full' : 'main'}>
        <ErrorBoundary resetKey={hash}>
          <Suspense fallback={<Loading what="the page" />}>
            <Page route={route} />
          </Suspense>
        </ErrorBoundary>
      </main>
      <UnsavedNotice />
      <Toasts />
    </SessionContext>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case 'sheets':
      return <SheetsPage />;
    case 'sheet':
      return <SheetFrame key={route.id} sheetId={route.id} query={route.query} />;
    case 'logs':
      return <LogsPage />;
    case 'log':
      return <LogPage key={route.id} logId={route.id} />;
    case 'messages':
      return <MessagesPage />;
    case 'jobs':
      return <JobsPage query={route.query} />;
    case 'job':
      return <JobPage key={route.id} jobId={route.id} />;
    case 'schedules':
      return <SchedulesPage />;
    case 'work':
      return <WorkPage query={route.query} />;
    case 'unit':
      return <UnitPage key={route.id} workId={route.id} />;
    default:
      return (
        <div className="page">
          <h1>There is no such page</h1>
          <p>
            Go to the <a href={links.sheets}>sheets</a>, the <a href={links.logs}>logs</a> or the <a href={links.work()}>work</a>.
          </p>
        </div>
      );
  }
}

function placeOf(route: Route): string {
  if (route.page === 'sheet' || route.page === 'log' || route.page === 'unit' || route.page === 'job') return route.id;
  return {
    sheets: 'Sheets',
    logs: 'Logs',
    messages: 'Messages',
    jobs: 'Jobs',
    schedules: 'Schedules',
    work: 'Work',
    unknown: 'No such page',
  }[route.page];
}
