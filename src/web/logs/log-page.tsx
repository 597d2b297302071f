import { links } from '../router.ts';
import { LogPanel } from './log-panel.tsx';

export default function LogPage({ logId }: { logId: string }) {
  return (
    <div className="page page--wide">
      <nav aria-label="Place" className="crumbs">
        <a href={links.logs}>Logs</a> <span aria-hidden="true">/</span>
      </nav>
      <h1>{logId}</h1>
      <LogPanel logId={logId} />
    </div>
  );
}
