import { formatTime } from './format.ts';

/** A moment, to the second; to the millisecond when pointed at. */
export function Time({ at }: { at: string | undefined }) {
  if (at === undefined) return <span className="muted">–</span>;
  return (
    <time dateTime={at} title={at} className="time">
      {formatTime(at)}
    </time>
  );
}
