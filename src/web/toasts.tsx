/** Short news at the edge of the page, read out by screen readers. What went wrong stays until it is closed. */
import { createStore, useStore } from './store.ts';

type Tone = 'ok' | 'danger';

interface Toast {
  key: number;
  tone: Tone;
  text: string;
}

const SHOWN_MS = 6_000;
const toasts = createStore<readonly Toast[]>([]);
let keys = 0;

export function toast(text: string, tone: Tone = 'ok'): void {
  const key = ++keys;
  toasts.set([...toasts.get().slice(-3), { key, tone, text }]);
  if (tone === 'ok') setTimeout(() => close(key), SHOWN_MS);
}

function close(key: number): void {
  toasts.set(toasts.get().filter((one) => one.key !== key));
}

export function Toasts() {
  const shown = useStore(toasts);
  // The two regions are there from the beginning: what appears in them is announced.
  return (
    <div className="toasts">
      {(['ok', 'danger'] as const).map((tone) => (
        <div key={tone} role={tone === 'ok' ? 'status' : 'alert'} aria-live={tone === 'ok' ? 'polite' : 'assertive'}>
          {shown
            .filter((one) => one.tone === tone)
            .map(({ key, text }) => (
              <div key={key} className={`toast toast--${tone}`}>
                <span>{text}</span>
                <button type="button" className="icon-button" aria-label="Close this message" onClick={() => close(key)}>
                  ×
                </button>
              </div>
            ))}
        </div>
      ))}
    </div>
  );
}
