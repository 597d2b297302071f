/** What the pages of one thing (a unit, a job) are made of. */
import type { ReactNode } from 'react';
import { CodeBlock } from './code-block.tsx';
import { formatJson } from './format.ts';
import { links } from './router.ts';

/** The end of a chain: where it runs. */
export function Execution({ of }: { of: { execution?: string | undefined; uiUrl?: string | undefined } }) {
  return (
    <li>
      <span className="chain-kind">Execution</span>
      {of.execution === undefined ? (
        <span className="muted">not started yet</span>
      ) : of.uiUrl ? (
        <a href={of.uiUrl} target="_blank" rel="noreferrer">
          {of.execution} in Temporal ↗
        </a>
      ) : (
        <span className="mono">{of.execution}</span>
      )}
    </li>
  );
}

/** A unit where it looks like one: what else an application gives is its own. */
export function Cause({ id }: { id: string }) {
  return /^[a-z][a-z0-9-]*\/./.test(id) ? <a href={links.unit(id)}>{id}</a> : id;
}

export function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

export function Json({ title, value }: { title: string; value: unknown }) {
  if (value === undefined || value === null) return null;
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <CodeBlock text={formatJson(value)} label={`${title} as JSON`} />
    </section>
  );
}
