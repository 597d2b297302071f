/** Light, dark, or as the system is: remembered in this browser. `data-theme` on the document always says which of the two it is now. */
import { createStore, useStore } from './store.ts';

export const THEMES = ['system', 'light', 'dark'] as const;
export type ThemeChoice = (typeof THEMES)[number];
export type Theme = 'light' | 'dark';

const KEY = 'tidemark.theme';
const darkSystem = window.matchMedia('(prefers-color-scheme: dark)');
const choice = createStore<ThemeChoice>(remembered());
const theme = createStore<Theme>(resolve());

darkSystem.addEventListener('change', apply);
choice.subscribe(apply);

/** Before anything is drawn. */
export function apply(): void {
  document.documentElement.dataset.theme = resolve();
  theme.set(resolve());
}

export function chooseTheme(next: ThemeChoice): void {
  try {
    window.localStorage.setItem(KEY, next);
  } catch {
    // It holds until the page is closed.
  }
  choice.set(next);
}

export const useThemeChoice = (): ThemeChoice => useStore(choice);

/** For what is drawn on a canvas, where CSS variables do not reach. */
export const useTheme = (): Theme => useStore(theme);

/** @param name as in theme.css, for example --accent */
export function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function resolve(): Theme {
  const wanted = choice.get();
  return wanted === 'system' ? (darkSystem.matches ? 'dark' : 'light') : wanted;
}

function remembered(): ThemeChoice {
  try {
    const kept = window.localStorage.getItem(KEY);
    return THEMES.find((name) => name === kept) ?? 'system';
  } catch {
    return 'system';
  }
}
